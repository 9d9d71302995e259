// The configuration of host-local: ranges and requested addresses from all the places they may stand in.

import { parseArgs } from "#cni/args.ts";
import { cniRoute } from "#cni/convert.ts";
import { type Decoder, decode, list, object, optional, string, unlessEmpty, withDefault } from "#cni/decode.ts";
import { ifAddr, ip } from "#cni/decode-address.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import type { CniRoute } from "#cni/result.ts";
import { atLeast } from "#cni/version.ts";
import { parseIfAddr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";
import { type RangeConf, type RangeSet, rangeSet, requireDisjoint } from "./range.ts";

export type HostLocalConf = {
  /** A container gets one address out of each. */
  readonly sets: readonly RangeSet[];
  /** Without repetition, in the order they were asked for. */
  readonly requested: readonly Ip[];
  readonly routes: readonly CniRoute[];
  readonly resolvConf: string | undefined;
};

/** Where the reference keeps its files. */
const defaultDataDir = "/var/lib/cni/networks";

/** Runtimes write `10.1.0.5/16` where `10.1.0.5` is meant: the range knows the prefix length. */
const requestedIp: Decoder<Ip> = (value) => {
  const carriesPrefix = typeof value === "string" && parseIfAddr(value) !== undefined;
  return ip(carriesPrefix ? value.slice(0, value.indexOf("/")) : value);
};

const bounds = { rangeStart: unlessEmpty(ip), rangeEnd: unlessEmpty(ip), gateway: unlessEmpty(ip) };
const ranges = withDefault(list(list(object({ subnet: ifAddr, ...bounds }))), []);
const ips = withDefault(list(requestedIp), []);

const netConf = object({
  ipam: object({
    // One range on its own, as configurations before ranges had it.
    subnet: unlessEmpty(ifAddr),
    ...bounds,
    ranges,
    routes: withDefault(list(cniRoute), []),
    resolvConf: unlessEmpty(string),
  }),
  runtimeConfig: withDefault(object({ ipRanges: ranges, ips }), { ipRanges: [], ips: [] }),
  args: optional(object({ cni: optional(object({ ips })) })),
});

/** @throws CniError 4 (CNI_ARGS), 7 (a field, or ranges that make no sense together) */
export function readConf(call: Call): HostLocalConf {
  const { ipam, runtimeConfig, args } = decode(netConf, call.config, "host-local");
  const { IP } = parseArgs(call.cniArgs, ["IP"]);
  const fromEnvironment =
    IP === undefined ? [] : [decode(requestedIp, IP, "host-local: IP in CNI_ARGS", ErrorCode.invalidEnvironment)];
  const { subnet, rangeStart, rangeEnd, gateway } = ipam;
  const single: readonly RangeConf[][] =
    subnet === undefined
      ? []
      : [
          [
            {
              subnet,
              ...(rangeStart === undefined ? {} : { rangeStart }),
              ...(rangeEnd === undefined ? {} : { rangeEnd }),
              ...(gateway === undefined ? {} : { gateway }),
            },
          ],
        ];
  const confs = [...runtimeConfig.ipRanges, ...single, ...ipam.ranges];
  return {
    sets: rangeSets(confs, call),
    requested: [...new Set([...fromEnvironment, ...(args?.cni?.ips ?? []), ...runtimeConfig.ips])],
    routes: ipam.routes,
    resolvConf: ipam.resolvConf,
  };
}

const dataDirOnly = object({ ipam: optional(object({ dataDir: unlessEmpty(string) })) });

/**
 * The folder of the network's addresses. Reads nothing else: DEL and GC must find it whatever became of the ranges.
 * @throws CniError 7
 */
export function folderOf(call: Call): string {
  const dataDir = decode(dataDirOnly, call.config, "host-local").ipam?.dataDir ?? defaultDataDir;
  return `${dataDir.replace(/\/+$/, "")}/${call.network}`;
}

function rangeSets(confs: readonly (readonly RangeConf[])[], call: Call): readonly RangeSet[] {
  if (confs.length === 0) {
    const advice = `network "${call.network}" needs ipam.ranges, like [[{"subnet": "10.1.0.0/24"}]]`;
    throw new CniError(ErrorCode.invalidConfig, `host-local: no IP ranges specified: ${advice}`);
  }
  const sets = confs.map((conf, index) => rangeSet(conf, `host-local: invalid range set ${index}`));
  const families = new Set(sets.map(([{ family }]) => family));
  if (families.size < sets.length && !atLeast(call.cniVersion, "0.3.0")) {
    const text = `CNI version ${call.cniVersion} does not support more than 1 address per family`;
    throw new CniError(ErrorCode.invalidConfig, `host-local: ${text}: use 0.3.0 or newer, or one range set a family`);
  }
  requireDisjoint(sets);
  return sets;
}
