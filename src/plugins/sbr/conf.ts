// Configuration of source based routing.

import { boolOrText, decode, int, list, object, optional, withDefault } from "#cni/decode.ts";
import { ip } from "#cni/decode-address.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import { type Family, families, familyOf, type Ip } from "#net/ip.ts";

export type SbrConf = {
  /** The routes are somebody else's: only rules are made that lead to this table. */
  readonly table: number | undefined;
  /** Instead of the gateways in the previous result. */
  readonly gateways: { readonly [family in Family]: Ip | undefined };
  /** Leaves a route to each address's subnet in the main table, with the address as source. */
  readonly addSourceHints: boolean;
};

const conf = object({
  table: optional(int({ min: 1, max: 0xffffffff })),
  gateways: withDefault(list(ip), []),
  addSourceHints: withDefault(boolOrText, false),
});

/** @throws CniError 7 naming the field. */
export function readConf(call: Call): SbrConf {
  const { table, gateways, addSourceHints } = decode(conf, call.config, call.type);
  for (const family of families) {
    const found = gateways.filter((gateway) => familyOf(gateway) === family);
    if (found.length <= 1) continue;
    const problem = `${call.type}: field "gateways" has ${found.length} addresses of ${family}: ${found.join(", ")}`;
    throw new CniError(ErrorCode.invalidConfig, `${problem}; it takes one of each family at most`);
  }
  const of = (family: Family) => gateways.find((gateway) => familyOf(gateway) === family);
  return { table, gateways: { ipv4: of("ipv4"), ipv6: of("ipv6") }, addSourceHints };
}
