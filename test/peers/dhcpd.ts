// ISC dhcpd as a DHCP server: its configuration files and its files of leases.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DhcpLease, DhcpOptions, DhcpPool, DhcpPool4, DhcpServerPlan } from "./dhcp.ts";
import { netmask } from "./dnsmasq.ts";

type Family = { readonly version: 4 | 6; readonly configuration: string };

/** One process for each family, and leases as short as a test likes. */
export function prepareDhcpd({ link, v4, v6 }: DhcpOptions, folder: string): DhcpServerPlan {
  const families: readonly Family[] = [
    ...(v4 === undefined ? [] : [{ version: 4 as const, configuration: configuration4(v4) }]),
    ...(v6 === undefined ? [] : [{ version: 6 as const, configuration: configuration6(v6) }]),
  ];
  const file = (version: number, kind: string) => join(folder, `dhcpd${version}.${kind}`);
  for (const { version, configuration } of families) {
    writeFileSync(file(version, "conf"), configuration);
    writeFileSync(file(version, "leases"), ""); // It does not make the file by itself.
  }
  return {
    tools: { dhcpd: "isc-dhcp-server" },
    commands: families.map(({ version }) => [
      ...["dhcpd", `-${version}`, "-f", "-d", "-user", "root", "-group", "root", "-cf", file(version, "conf")],
      ...["-lf", file(version, "leases"), "-pf", file(version, "pid"), link],
    ]),
    serving: "Server starting service.",
    leases: () => families.flatMap(({ version }) => parseDhcpdLeases(readFileSync(file(version, "leases"), "utf8"))),
  };
}

function configuration4(pool: DhcpPool4): string {
  const [address, prefixLength] = pool.subnet.split("/");
  const routes = pool.classlessRoutes?.flatMap(([destination, gateway]) => encodeRoute(destination, gateway));
  return `
authoritative;
db-time-format local;
ping-check false;
${leaseTime(pool)}
option classless-routes code 121 = array of integer 8;
${option("domain-name-servers", pool.dns)}
${option("domain-search", pool.search?.map(quoted))}
${option("domain-name", pool.domain === undefined ? undefined : [quoted(pool.domain)])}
${option("interface-mtu", pool.mtu === undefined ? undefined : [pool.mtu])}
${option("classless-routes", routes)}
subnet ${address} netmask ${netmask(Number(prefixLength))} {
  range ${pool.from} ${pool.to};
  ${option("routers", pool.router === undefined ? undefined : [pool.router])}
}
`;
}

function configuration6(pool: DhcpPool): string {
  return `
authoritative;
db-time-format local;
${leaseTime(pool)}
${option("dhcp6.name-servers", pool.dns)}
${option("dhcp6.domain-search", pool.search?.map(quoted))}
subnet6 ${pool.subnet} {
  range6 ${pool.from} ${pool.to};
}
`;
}

function leaseTime({ leaseSeconds }: DhcpPool): string {
  return ["default", "max", "min"].map((kind) => `${kind}-lease-time ${leaseSeconds};`).join(" ");
}

function option(name: string, values: readonly (string | number)[] | undefined): string {
  return values === undefined ? "" : `option ${name} ${values.join(", ")};`;
}

function quoted(text: string): string {
  return `"${text}"`;
}

/** RFC 3442: the prefix length, as many bytes of the destination as the prefix touches, the gateway. */
function encodeRoute(destination: string, gateway: string): readonly number[] {
  const [address = "", prefixLength] = destination.split("/");
  const bytes = (text: string) => text.split(".").map(Number);
  return [Number(prefixLength), ...bytes(address).slice(0, Math.ceil(Number(prefixLength) / 8)), ...bytes(gateway)];
}

const lease4 = /^lease (\S+) \{\n([\s\S]*?)^\}/gm;
const lease6 = /^ia-na "((?:\\.|[^"\\])*)" \{\n[\s\S]*?iaaddr (\S+) \{\n([\s\S]*?)^ {2}\}/gm;

/** The file is a log: what it says last of an address holds. A lease that was released stays in it as free. */
function parseDhcpdLeases(text: string): readonly DhcpLease[] {
  const leases = new Map<string, DhcpLease | undefined>();
  for (const [, address = "", body = ""] of text.matchAll(lease4)) {
    const clientId = /^ {2}uid "((?:\\.|[^"\\])*)";/m.exec(body)?.[1];
    const mac = /hardware ethernet (\S+);/.exec(body)?.[1];
    const hostname = /client-hostname "([^"]*)";/.exec(body)?.[1];
    const lease = { address, mac, clientId: clientId && hex(unquote(clientId)), hostname, expires: expiry(body) };
    leases.set(address, isActive(body) ? lease : undefined);
  }
  for (const [, association = "", address = "", body = ""] of text.matchAll(lease6)) {
    const clientId = hex(unquote(association).subarray(4)); // Behind the association's own number.
    const lease = { address, mac: undefined, clientId, hostname: undefined, expires: expiry(body) };
    leases.set(address, isActive(body) ? lease : undefined);
  }
  return [...leases.values()].filter((lease) => lease !== undefined);
}

function isActive(body: string): boolean {
  return /^ *binding state active;/m.test(body);
}

function expiry(body: string): number {
  return Number(/^ *ends epoch (\d+);/m.exec(body)?.[1] ?? Number.POSITIVE_INFINITY);
}

/** Bytes that are no text stand as `\ooo`, three octal digits. */
function unquote(text: string): Uint8Array {
  const tokens = text.match(/\\[0-7]{3}|\\?[\s\S]/g) ?? [];
  return Uint8Array.from(tokens, (token) =>
    token.length === 4 ? Number.parseInt(token.slice(1), 8) : (token.at(-1) ?? "").charCodeAt(0),
  );
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}
