#!/bin/sh
# A bus and a firewalld for the caller's network namespace alone; run in a mount namespace of its own: test/firewalld.sh FOLDER
set -e
folder=$1
mount -t tmpfs tmpfs /run
mkdir -p "$folder/etc"
cp /etc/firewalld/firewalld.conf "$folder/etc/"
mount --bind "$folder/etc" /etc/firewalld
cat >"$folder/bus.conf" <<CONF
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=$folder/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
CONF
dbus-daemon --config-file="$folder/bus.conf" --nofork --nopidfile &
while [ ! -S "$folder/bus" ]; do
  kill -0 $!
  sleep 0.02
done
export DBUS_SYSTEM_BUS_ADDRESS="unix:path=$folder/bus"
exec /usr/bin/python3 /usr/sbin/firewalld --nofork --nopid --log-file "$folder/log"
