#!/bin/sh
# Installs what the named targets need: tools/setup.sh check|build|test|demo|bench... Does nothing, fast, when all is there.
set -eu
cd "$(dirname "$0")/.."

cache=.cache/setup
bun=node_modules/.bin/bun
modules_stamp=node_modules/.package-lock.sha256
policy=/usr/sbin/policy-rc.d
policy_mark="Written by Twill's tools/setup.sh while it installs packages; safe to delete."

say() { echo "setup: $*" >&2; }

fail() {
  say "$*"
  exit 1
}

check_machine() {
  [ "$(uname -sm)" = "Linux x86_64" ] || fail "Cannot set up on $(uname -sm): use a Linux machine with an x86_64 processor."
  release=$(uname -r)
  major=${release%%.*}
  minor=${release#*.}
  minor=${minor%%[!0-9]*}
  [ "$major" -gt 5 ] || { [ "$major" -eq 5 ] && [ "$minor" -ge 10 ]; } ||
    fail "Cannot work with Linux $release: Twill needs 5.10 or newer, boot a newer kernel such as Debian 12's."
  node=$(node --version 2>/dev/null) || fail "Cannot find node: install Node 20 or newer, with npm, and have it in PATH."
  node=${node#v}
  [ "${node%%.*}" -ge 20 ] || fail "Cannot use Node $node: install Node 20 or newer and have it first in PATH."
  command -v npm >/dev/null || fail "Cannot find npm: install it beside Node $node and have it in PATH."
}

# Tests, demo and benchmarks work in network namespaces of their own.
check_namespaces() {
  [ "$(id -u)" -eq 0 ] || fail "Cannot make network namespaces as $(id -un): run make as root, for instance with sudo."
  unshare --net true 2>/dev/null ||
    fail "Cannot make a network namespace even as root: give this container CAP_SYS_ADMIN, or run it with --privileged."
}

# The packages of the named targets, in the order of the list.
wanted_packages() {
  awk -v targets=" $* " '
    /^#/ { next }
    { for (i = 2; i <= NF; i++) if (index(targets, " " $i " ")) { print $1; next } }' tools/packages.txt
}

missing_packages() {
  # shellcheck disable=SC2046 # one argument a package
  set -- $(wanted_packages "$@")
  installed=$(dpkg-query --show --showformat '${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null | sed -n 's/^.i //p')
  for package; do
    case "
$installed
" in *"
$package
"*) ;; *) have_another "$package" || echo "$package" ;; esac
  done
}

# A kubectl from elsewhere is as good, and its package cannot stand beside Debian's.
have_another() { [ "$1" = kubernetes-client ] && command -v kubectl >/dev/null; }

update_lists() {
  # Without Error-Mode a mirror that does not answer is a warning, and the old lists stay.
  apt-get -qq -o APT::Update::Error-Mode=any update >"$cache/apt.log" 2>&1 ||
    fail "Cannot fetch Debian's package lists: connect the machine to a Debian mirror and try again ($(complaint "$cache/apt.log"))."
}

# Packages such as containerd start a service when they are installed; nobody asked for one here.
forbid_services() {
  [ -e "$policy" ] && ! grep -q "$policy_mark" "$policy" && return
  printf '#!/bin/sh\n# %s\nexit 101\n' "$policy_mark" >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT TERM HUP
}

# The links by which systemd starts services at boot, or when somebody asks for them.
service_links() { find /etc/systemd/system -type l 2>/dev/null; }

# The machine's next boot is not changed either: a firewall or a DHCP server of the tests is none of its own.
forget_new_services() {
  service_links | while read -r link; do
    case "
$1
" in *"
$link
"*) ;; *) rm -f "$link" ;; esac
  done
}

install_packages() {
  list="$*"
  command -v apt-get >/dev/null || fail "Cannot install $list: there is no apt-get here, use Debian 12 or install them by hand."
  [ "$(id -u)" -eq 0 ] || fail "Cannot install $list as $(id -un): run make as root once, or apt-get install $list."
  say "installing $list"
  update_lists
  (
    forbid_services
    services=$(service_links)
    export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
    apt-get -qq -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@" >"$cache/apt.log" 2>&1 </dev/null || exit
    forget_new_services "$services"
  ) || fail "Cannot install $list: see $PWD/$cache/apt.log ($(complaint "$cache/apt.log"))."
}

# The guest's kernel is fetched by its test, which needs apt's lists: an image may come with packages but without lists.
lists_for_guest() {
  ls -d .cache/vm/linux-image-* >/dev/null 2>&1 || apt-cache show linux-image-amd64 >/dev/null 2>&1 || update_lists
}

# Every file of node_modules follows from the lock file. No package's own install script runs but Bun's, which only
# moves its executable to where node_modules/.bin/bun points.
modules_fresh() {
  [ "$(cat "$modules_stamp" 2>/dev/null)" = "$(sha256sum <package-lock.json)" ] && "$bun" --version >/dev/null 2>&1
}

install_modules() {
  say "installing node_modules"
  npm ci --ignore-scripts --no-audit --no-fund >"$cache/npm.log" 2>&1 ||
    fail "Cannot install node_modules: see $PWD/$cache/npm.log, and connect the machine if it has no network ($(complaint "$cache/npm.log"))."
  node node_modules/bun/install.js >>"$cache/npm.log" 2>&1 || fail "Cannot set up Bun: see $PWD/$cache/npm.log."
  "$bun" --version >/dev/null || fail "Cannot run $PWD/$bun: remove node_modules and try again."
  sha256sum <package-lock.json >"$modules_stamp"
}

# The line of apt's or npm's log that tells the most.
complaint() { grep -m 1 -E '^[EW]: |^npm error [^ ]+ .* ' "$1" || tail -n 1 "$1"; }

[ $# -gt 0 ] || fail "Name the targets to set up for: tools/setup.sh check build test demo bench"
check_machine
case " $* " in *" test "* | *" demo "* | *" bench "*) check_namespaces ;; esac
mkdir -p "$cache"
if modules_fresh && [ -z "$(missing_packages "$@")" ]; then
  case " $* " in *" test "*) lists_for_guest ;; esac
  exit
fi

# Two makes at once: the second waits, then finds everything done.
exec 9>"$cache/lock"
flock 9
missing=$(missing_packages "$@")
# shellcheck disable=SC2086 # one argument a package
[ -z "$missing" ] || install_packages $missing
case " $* " in *" test "*) lists_for_guest ;; esac
modules_fresh || install_modules
