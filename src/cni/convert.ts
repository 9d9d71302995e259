// Results as each specification version writes them: ip4/ip6 up to 0.2, ips with a family from 0.3, ips without from 1.0.

import { familyOfCidr } from "#net/cidr.ts";
import type { Family } from "#net/ip.ts";
import {
  decode,
  type Infer,
  int,
  list,
  map,
  member,
  object,
  optional,
  string,
  unlessEmpty,
  withDefault,
} from "./decode.ts";
import { ifAddr, ip, maskedCidr } from "./decode-address.ts";
import { CniError, ErrorCode } from "./error.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import { type CniRoute, type Dns, emptyResult, type Interface, type IpConfig, type Result } from "./result.ts";
import { atLeast, parseVersion, type SpecVersion, specVersions } from "./version.ts";

/**
 * The JSON of a result in `version`, keys in the specification's order. What the version cannot say is dropped:
 * before 1.0 an interface's mtu, socketPath and pciID; before 0.3 all but one address per family, interfaces, and
 * routes of a family without an address.
 * @throws CniError 2 when `version` is below 0.3 and the result has no address.
 */
export function encodeResult(result: Result, version: SpecVersion): JsonObject {
  if (!atLeast(version, "0.3.0")) return encodeByFamily(result, version);
  const newest = atLeast(version, "1.0.0");
  const dns = encodeDns(result.dns);
  return {
    cniVersion: version,
    ...unlessNone("interfaces", result.interfaces.map(newest ? encodeInterface : encodeOldInterface)),
    ...unlessNone("ips", result.ips.map(newest ? encodeIp : encodeIpWithFamily)),
    ...unlessNone("routes", result.routes.map(encodeRoute)),
    // Up to 0.4 the reference plugins print `dns` always, and readers have come to expect it.
    ...(newest && Object.keys(dns).length === 0 ? {} : { dns }),
  };
}

/**
 * Reads a result in its own `cniVersion`, or in `version` when it names none. `null` is the empty result.
 * `subject` opens the sentence of a failure.
 * @throws CniError 1 for an unknown `cniVersion`, `code` (7 unless given) for a malformed field.
 */
export function decodeResult(
  json: Json,
  version: SpecVersion,
  subject = "result",
  code: number = ErrorCode.invalidConfig,
): Result {
  if (json === null) return emptyResult;
  const own = isJsonObject(json) ? (member(json, "cniVersion") ?? "") : "";
  const found = own === "" ? version : typeof own === "string" ? parseVersion(own) : undefined;
  if (found === undefined) {
    throw new CniError(
      ErrorCode.incompatibleVersion,
      `${subject}: cniVersion is ${JSON.stringify(own)}, known are ${specVersions.join(", ")}`,
    );
  }
  return decode(atLeast(found, "0.3.0") ? result : resultByFamily, json, subject, code);
}

function encodeByFamily(result: Result, version: SpecVersion): JsonObject {
  const ip4 = encodeFamily(result, "ipv4");
  const ip6 = encodeFamily(result, "ipv6");
  if (ip4 === undefined && ip6 === undefined) {
    throw new CniError(ErrorCode.unsupportedField, "cannot convert: no valid IP addresses", {
      details: `cniVersion "${version}" can only describe a result that has an address; use 0.3.0 or newer`,
    });
  }
  return {
    cniVersion: version,
    ...(ip4 === undefined ? {} : { ip4 }),
    ...(ip6 === undefined ? {} : { ip6 }),
    dns: encodeDns(result.dns),
  };
}

function encodeFamily(result: Result, family: Family): JsonObject | undefined {
  const first = result.ips.find(({ address }) => familyOfCidr(address) === family);
  if (first === undefined) return undefined;
  const routes = result.routes.filter(({ dst }) => familyOfCidr(dst) === family);
  return {
    ip: first.address,
    ...given("gateway", first.gateway),
    ...unlessNone(
      "routes",
      routes.map(({ dst, gw }) => ({ dst, ...given("gw", gw) })),
    ),
  };
}

function encodeInterface(each: Interface): JsonObject {
  return {
    name: each.name,
    ...given("mac", each.mac),
    ...given("mtu", each.mtu),
    ...given("sandbox", each.sandbox),
    ...given("socketPath", each.socketPath),
    ...given("pciID", each.pciID),
  };
}

function encodeOldInterface({ name, mac, sandbox }: Interface): JsonObject {
  return { name, ...given("mac", mac), ...given("sandbox", sandbox) };
}

function encodeIp(each: IpConfig): JsonObject {
  return {
    ...(each.interface === undefined ? {} : { interface: each.interface }),
    address: each.address,
    ...given("gateway", each.gateway),
  };
}

function encodeIpWithFamily(each: IpConfig): JsonObject {
  return { version: familyOfCidr(each.address) === "ipv4" ? "4" : "6", ...encodeIp(each) };
}

/** All fields in every version from 0.3 on, though only 1.1 names them: a chain at 0.4 would lose them otherwise. */
function encodeRoute(route: CniRoute): JsonObject {
  return {
    dst: route.dst,
    ...given("gw", route.gw),
    ...given("mtu", route.mtu),
    ...given("advmss", route.advmss),
    ...given("priority", route.priority),
    // Zero says something here: scope "universe", table "unspecified".
    ...(route.table === undefined ? {} : { table: route.table }),
    ...(route.scope === undefined ? {} : { scope: route.scope }),
  };
}

function encodeDns(dns: Dns): JsonObject {
  return {
    ...unlessNone("nameservers", dns.nameservers ?? []),
    ...given("domain", dns.domain),
    ...unlessNone("search", dns.search ?? []),
    ...unlessNone("options", dns.options ?? []),
  };
}

/** Empty text and zero are left out, as the reference's encoder does. */
function given(key: string, value: string | number | undefined): JsonObject {
  return value === undefined || value === "" || value === 0 ? {} : { [key]: value };
}

function unlessNone(key: string, values: readonly Json[]): JsonObject {
  return values.length === 0 ? {} : { [key]: values };
}

/** Unsigned 32-bit numbers whose zero means "not set". */
const unlessZero = map(optional(int({ min: 0, max: 0xffff_ffff })), (value) => (value === 0 ? undefined : value));

const netInterface = object({
  name: string,
  mac: unlessEmpty(string),
  mtu: unlessZero,
  sandbox: unlessEmpty(string),
  socketPath: unlessEmpty(string),
  pciID: unlessEmpty(string),
});

const ipConfig = object({
  // Early plugins wrote -1 for "none".
  interface: map(optional(int()), (index) => (index === undefined || index < 0 ? undefined : index)),
  address: ifAddr,
  gateway: unlessEmpty(ip),
});

/** A route as configurations (`ipam.routes`) and results write it. Host bits in `dst` are cleared. */
export const cniRoute = object({
  dst: maskedCidr,
  gw: unlessEmpty(ip),
  mtu: unlessZero,
  advmss: unlessZero,
  priority: unlessZero,
  table: optional(int({ min: 0, max: 0xffff_ffff })),
  scope: optional(int({ min: 0, max: 255 })),
});

/** `dns` as configurations and results write it. Empty lists are kept, see `Dns`. */
export const cniDns = object({
  nameservers: optional(list(string)),
  domain: unlessEmpty(string),
  search: optional(list(string)),
  options: optional(list(string)),
});

const result = object({
  interfaces: withDefault(list(netInterface), []),
  ips: withDefault(list(ipConfig), []),
  routes: withDefault(list(cniRoute), []),
  dns: withDefault(cniDns, {}),
});

const familyConfig = object({
  ip: ifAddr,
  gateway: unlessEmpty(ip),
  routes: withDefault(list(object({ dst: maskedCidr, gw: unlessEmpty(ip) })), []),
});

const resultByFamily = map(
  object({ ip4: optional(familyConfig), ip6: optional(familyConfig), dns: withDefault(cniDns, {}) }),
  ({ ip4, ip6, dns }): Result => {
    const families = [ip4, ip6].filter((family) => family !== undefined);
    return {
      interfaces: [],
      ips: families.map(addressOnly),
      routes: families.flatMap((family) => family.routes),
      dns,
    };
  },
);

function addressOnly({ ip: address, gateway }: Infer<typeof familyConfig>): IpConfig {
  return { address, ...(gateway === undefined ? {} : { gateway }) };
}
