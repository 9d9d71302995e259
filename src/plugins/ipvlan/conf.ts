// The ipvlan plugin's configuration (CNI reference plugin "ipvlan").

import { bool, decode, int, object, oneOf, string, unlessEmpty, withDefault } from "#cni/decode.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import { ipamType } from "#plugins/ipam.ts";
import type { ParentLink } from "#plugins/parent-link.ts";

const ipvlanConf = object({
  master: unlessEmpty(string),
  mode: unlessEmpty(oneOf("l2", "l3", "l3s")),
  mtu: withDefault(int(), 0),
  linkInContainer: withDefault(bool, false),
});

export type IpvlanConf = ParentLink & { readonly mode: string };

/** @throws CniError 7 naming the field. */
export function readIpvlanConf(call: Call): IpvlanConf {
  const { mode = "l2", ...conf } = decode(ipvlanConf, call.config, call.type);
  return { ...conf, mode, info: { kind: "ipvlan", data: { mode } } };
}

/** What ADD needs when there is no IPAM plugin: addresses, and without `master` an interface, of the previous plugin. */
export function readChained(call: Call, conf: IpvlanConf): { readonly want: IpvlanConf; readonly chained?: Result } {
  if (ipamType(call) !== undefined) return { want: conf };
  const { prevResult } = call;
  if (prevResult === undefined || prevResult.ips.length === 0) {
    throw invalid(call, 'field "ipam.type" is missing, and no earlier plugin of the chain has given addresses');
  }
  if (conf.master !== undefined) return { want: conf, chained: prevResult };
  const [first, ...more] = prevResult.interfaces;
  if (first === undefined || first.name === "" || more.length > 0) {
    const count = prevResult.interfaces.length;
    throw invalid(call, `field "master" is missing, and prevResult has ${count} interfaces: name one as master`);
  }
  return { want: { ...conf, master: first.name }, chained: prevResult };
}

function invalid(call: Call, problem: string): CniError {
  return new CniError(ErrorCode.invalidConfig, `${call.type}: ${problem}`);
}
