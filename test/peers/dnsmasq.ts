// dnsmasq as a DHCP server: its command line and its file of leases.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DhcpLease, DhcpOptions, DhcpPool, DhcpPool4, DhcpPool6, DhcpServerPlan } from "./dhcp.ts";

const minLeaseSeconds = 120;

/** One process serves both families. */
export function prepareDnsmasq({ link, v4, v6 }: DhcpOptions, folder: string): DhcpServerPlan {
  const leaseFile = join(folder, "dnsmasq.leases");
  const command = [
    ...["dnsmasq", "--keep-in-foreground", "--log-facility=-", "--log-dhcp", "--conf-file=/dev/null", "--user=root"],
    ...["--port=0", "--bind-interfaces", `--interface=${link}`, "--except-interface=lo"],
    ...["--dhcp-authoritative", "--no-ping", "--dhcp-sequential-ip"],
    ...[`--dhcp-leasefile=${leaseFile}`, `--pid-file=${join(folder, "dnsmasq.pid")}`],
    ...(v4 === undefined ? [] : options4(v4)),
    ...(v6 === undefined ? [] : options6(v6)),
  ];
  return {
    tools: { dnsmasq: "dnsmasq-base" },
    commands: [command],
    serving: "sockets bound exclusively to interface",
    leases: () => (existsSync(leaseFile) ? parseDnsmasqLeases(readFileSync(leaseFile, "utf8")) : []),
  };
}

function options4(pool: DhcpPool4): string[] {
  const prefixLength = Number(pool.subnet.split("/")[1]);
  const option = (name: string, values: readonly (string | number)[] | undefined) =>
    values === undefined ? [] : [`--dhcp-option=${[name, ...values].join(",")}`];
  return [
    `--dhcp-range=${pool.from},${pool.to},${netmask(prefixLength)},${leaseSeconds(pool)}`,
    // Without a value the option is not sent; left out, dnsmasq would offer itself.
    `--dhcp-option=${["option:router", pool.router].filter((word) => word !== undefined).join(",")}`,
    ...option("option:dns-server", pool.dns),
    ...option("option:domain-search", pool.search),
    ...option("option:domain-name", pool.domain === undefined ? undefined : [pool.domain]),
    ...option("option:mtu", pool.mtu === undefined ? undefined : [pool.mtu]),
    ...option("option:classless-static-route", pool.classlessRoutes?.flat()),
  ];
}

function options6(pool: DhcpPool6): string[] {
  const dns = pool.dns?.map((address) => `[${address}]`).join(",");
  return [
    `--dhcp-range=${pool.from},${pool.to},${pool.subnet.split("/")[1]},${leaseSeconds(pool)}`,
    ...(pool.advertise === true ? ["--enable-ra"] : []),
    ...(dns === undefined ? [] : [`--dhcp-option=option6:dns-server,${dns}`]),
    ...(pool.search === undefined ? [] : [`--dhcp-option=option6:domain-search,${pool.search.join(",")}`]),
  ];
}

function leaseSeconds(pool: DhcpPool): number {
  if (pool.leaseSeconds >= minLeaseSeconds) return pool.leaseSeconds;
  const why = `dnsmasq would make it ${minLeaseSeconds}, dhcpd takes it`;
  throw new Error(`Cannot give leases of ${pool.leaseSeconds} s: ${why}`);
}

/** 20 as `255.255.240.0`. */
export function netmask(prefixLength: number): string {
  const bits = prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join(".");
}

/** A lease per line: expiry, MAC or IAID, address, host name, client identifier. The server's own DUID stands before those of IPv6. */
function parseDnsmasqLeases(text: string): readonly DhcpLease[] {
  const known = (word: string | undefined) => (word === "*" ? undefined : word);
  return text
    .split("\n")
    .map((line) => line.split(" "))
    .filter((words) => words.length === 5)
    .map(([expires, hardware, address = "", hostname, clientId]) => ({
      address,
      mac: address.includes(":") ? undefined : hardware,
      clientId: known(clientId),
      hostname: known(hostname),
      expires: Number(expires),
    }));
}
