// What bridge and ptp write down about an attachment before they touch the kernel.

import { bool, list, object, optional, string, withDefault } from "#cni/decode.ts";
import { ifAddr, mac } from "#cni/decode-address.ts";
import type { IfAddr } from "#net/cidr.ts";
import type { Mac } from "#net/mac.ts";
import type { Host } from "./host.ts";
import type { Owner } from "./ledger.ts";
import { readRecord } from "./recorded.ts";

export type VethRecord = {
  /** Name of the node's end. */
  readonly hostName: string;
  readonly addresses: readonly IfAddr[];
  /** Whether the addresses are masqueraded. */
  readonly masquerade: boolean;
  /** The only hardware address that the container may send with. */
  readonly guardedMac?: Mac;
};

const vethRecord = object({
  hostName: withDefault(string, ""),
  addresses: withDefault(list(ifAddr), []),
  masquerade: withDefault(bool, false),
  guardedMac: optional(mac),
});

/** The record, or undefined when there is none or it is damaged. */
export function readVethRecord(host: Host, owner: Owner): VethRecord | undefined {
  return readRecord(host, owner, vethRecord);
}
