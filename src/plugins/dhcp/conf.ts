// The configuration's `ipam` as the dhcp plugin reads it: which options to send, which to ask for, and where the daemon is.

import { cniRoute } from "#cni/convert.ts";
import {
  decode,
  int,
  list,
  object,
  oneOf,
  optional,
  refine,
  string,
  text,
  unlessEmpty,
  withDefault,
} from "#cni/decode.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import type { CniRoute } from "#cni/result.ts";
import { type Family, families } from "#net/ip.ts";
import type { Order } from "./client.ts";
import { option } from "./option.ts";
import { clientIdOf, defaultRequest, type LeaseId, type Terms } from "./terms.ts";
import { maxLabelBytes } from "./v6/client-fqdn.ts";
import { duidOf } from "./v6/duid.ts";

export const defaultSocketPath = "/run/cni/dhcp.sock";

export type DhcpConf = {
  readonly socketPath: string;
  /** Of which addresses are asked for. */
  readonly families: readonly Family[];
  /** Added to those of the server: DHCPv6 has none, and no router either. */
  readonly routes: readonly CniRoute[];
  /** Metric of all routes from the server. */
  readonly priority: number | undefined;
  readonly terms: Omit<Terms, "broadcast">;
};

/** Words for option codes: the reference's, and some of our own. */
const optionWords: ReadonlyMap<string, number> = new Map([
  ["subnet-mask", option.subnetMask.code],
  ["routers", option.routers.code],
  ["host-name", option.hostName.code],
  ["vendor-class-identifier", option.vendorClass.code],
  ["dhcp-client-identifier", option.clientId.code],
  ["user-class", option.userClass.code],
  ["domain-name-servers", option.dnsServers.code],
  ["domain-name", option.domainName.code],
  ["interface-mtu", option.interfaceMtu.code],
  ["static-routes", option.staticRoutes.code],
  ["domain-search", option.searchList.code],
  ["classless-static-routes", option.classlessRoutes.code],
]);

const code = text("a DHCP option: its number from 0 to 255, or a word such as host-name", (word) => {
  const number = optionWords.get(word) ?? (/^\d{1,3}$/.test(word) ? Number(word) : undefined);
  return number !== undefined && number <= 255 ? number : undefined;
});

const maxValueBytes = 255;
const value = refine(
  string,
  `a text of at most ${maxValueBytes} bytes`,
  (it) => Buffer.byteLength(it) <= maxValueBytes,
);

const conf = object({
  ipam: object({
    daemonSocketPath: unlessEmpty(string),
    families: withDefault(
      refine(list(oneOf("ipv4", "ipv6")), "at least one of ipv4 and ipv6", (it) => it.length > 0),
      ["ipv4"],
    ),
    routes: withDefault(list(cniRoute), []),
    priority: optional(int({ min: 0, max: 0xffffffff })),
    // The reference's documents allow an entry with `skipDefault` alone, its code does not.
    request: optional(
      list(object({ option: unlessEmpty(code), skipDefault: withDefault((it) => it === true, false) })),
    ),
    provide: optional(list(object({ option: code, value: unlessEmpty(value), fromArg: unlessEmpty(string) }))),
  }),
});

export function idOf(call: Call): LeaseId {
  return { network: call.network, containerId: call.containerId, ifname: call.ifname };
}

/** @throws CniError 7 naming the field. */
export function readConf(call: Call): DhcpConf {
  const { ipam } = decode(conf, call.config, "dhcp");
  const asked = ipam.request ?? [];
  const wanted = asked.flatMap((entry) => (entry.option === undefined ? [] : [entry.option]));
  const defaults = asked.some((entry) => entry.skipDefault) ? [] : defaultRequest;
  const provide = new Map<number, Uint8Array>([[option.clientId.code, clientIdOf(idOf(call))]]);
  for (const given of ipam.provide ?? []) {
    const bytes = new TextEncoder().encode(given.value ?? argument(call, given.fromArg));
    if (bytes.length > 0) provide.set(given.option, bytes);
  }
  return {
    socketPath: ipam.daemonSocketPath ?? defaultSocketPath,
    families: families.filter((family) => ipam.families.includes(family)),
    routes: ipam.routes,
    // As in the reference, zero is the same as none.
    priority: ipam.priority === 0 ? undefined : ipam.priority,
    terms: { request: [...new Set([...defaults, ...wanted])], provide },
  };
}

/** A lease to ask for in each of the families. @throws CniError 7 when a name is none that DHCPv6 can carry. */
export function ordersOf(call: Call, conf: DhcpConf): readonly Order[] {
  const id = idOf(call);
  const place = { netns: call.netns, ifname: call.ifname };
  return conf.families.map((family) =>
    family === "ipv4"
      ? { family, id, place, terms: { ...conf.terms, broadcast: false } }
      : { family, id, place, terms: { duid: duidOf(id), hostName: hostNameOf(conf.terms) } },
  );
}

function hostNameOf({ provide }: DhcpConf["terms"]): string | undefined {
  const bytes = provide.get(option.hostName.code);
  if (bytes === undefined) return undefined;
  const name = new TextDecoder().decode(bytes);
  const labels = name.split(".").map((label) => Buffer.byteLength(label));
  if (labels.every((length) => length > 0 && length <= maxLabelBytes)) return name;
  throw new CniError(
    ErrorCode.invalidConfig,
    `dhcp: the host name "${name}" in field "ipam.provide" is no domain name: DHCPv6 needs labels of 1 to ${maxLabelBytes} bytes`,
  );
}

/** The value of one CNI_ARGS key, for `fromArg`; other keys are other plugins' business. */
function argument(call: Call, key: string | undefined): string {
  if (key === undefined) return "";
  for (const pair of call.cniArgs.split(";")) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals) === key) return checked(key, pair.slice(equals + 1));
  }
  return "";
}

function checked(key: string, found: string): string {
  if (Buffer.byteLength(found) <= maxValueBytes) return found;
  throw new CniError(
    ErrorCode.invalidEnvironment,
    `CNI_ARGS key ${key} has ${Buffer.byteLength(found)} bytes: a DHCP option holds at most ${maxValueBytes}`,
  );
}
