// The configuration of static: addresses from all the places they may stand in.

import { parseArgs } from "#cni/args.ts";
import { cniDns, cniRoute } from "#cni/convert.ts";
import { type Decoder, decode, list, object, optional, unlessEmpty, withDefault } from "#cni/decode.ts";
import { ifAddr, ip } from "#cni/decode-address.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import type { IpConfig, Result } from "#cni/result.ts";
import { atLeast } from "#cni/version.ts";
import { contains, familyOfCidr, networkOf } from "#net/cidr.ts";

const addresses = withDefault(list(object({ address: ifAddr, gateway: unlessEmpty(ip) })), []);
const ips = withDefault(list(ifAddr), []);

const netConf = object({
  ipam: object({
    addresses,
    routes: withDefault(list(cniRoute), []),
    dns: withDefault(cniDns, {}),
  }),
  runtimeConfig: withDefault(object({ ips }), { ips: [] }),
  args: optional(object({ cni: optional(object({ ips })) })),
});

/**
 * What the container gets. The runtime's addresses stand in for all others, those of `args.cni` for the configuration's
 * and CNI_ARGS', and CNI_ARGS adds to the configuration's; its gateways are for its own addresses, matched by network.
 * @throws CniError 4 (CNI_ARGS), 7
 */
export function readConf(call: Call): Omit<Result, "interfaces"> {
  const { ipam, runtimeConfig, args } = decode(netConf, call.config, "static");
  const fromEnvironment = readArgs(call, ipam.addresses);
  const asked = runtimeConfig.ips.length > 0 ? runtimeConfig.ips : (args?.cni?.ips ?? []);
  const given = asked.length > 0 ? asked.map((address) => ({ address })) : fromEnvironment;
  const families = new Set(given.map(({ address }) => familyOfCidr(address)));
  if (families.size < given.length && !atLeast(call.cniVersion, "0.3.0")) {
    const text = `CNI version ${call.cniVersion} does not support more than 1 address per family`;
    const shown = given.map(({ address }) => address).join(", ");
    throw new CniError(ErrorCode.invalidConfig, `static: ${text}: use 0.3.0 or newer for ${shown}`);
  }
  return { ips: given, routes: ipam.routes, dns: ipam.dns };
}

function readArgs(call: Call, configured: readonly IpConfig[]): readonly IpConfig[] {
  const { IP, GATEWAY } = parseArgs(call.cniArgs, ["IP", "GATEWAY"]);
  const added = words(ifAddr, "IP", IP);
  const gateways = words(ip, "GATEWAY", GATEWAY);
  const complete = added.map((address): IpConfig => {
    const gateway = gateways.findLast((candidate) => contains(networkOf(address), candidate));
    return gateway === undefined ? { address } : { address, gateway };
  });
  return [...configured, ...complete];
}

/** `a,b` */
function words<T>(decoder: Decoder<T>, key: string, text: string | undefined): readonly T[] {
  return (text?.split(",") ?? []).map((word) =>
    decode(decoder, word.trim(), `static: ${key} in CNI_ARGS`, ErrorCode.invalidEnvironment),
  );
}
