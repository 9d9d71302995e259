// Connections that policies refused of late, with names: who, to whom, and because of what.

import type { Datapath } from "#datapath/datapath.ts";
import { directionNumber } from "#datapath/policy-format.ts";
import type { Direction } from "#model/policy/rule.ts";
import { formatOrigin } from "#model/policy/rule.ts";
import type { Ip } from "#net/ip.ts";
import { type Policies, policyId } from "./policies.ts";

export type Denial = {
  readonly source: Ip;
  readonly destination: Ip;
  /** Pods by name; undefined: an address that is nobody's. */
  readonly sourceName: string | undefined;
  readonly destinationName: string | undefined;
  readonly protocol: number;
  /** The destination's; of ICMP type and code. */
  readonly port: number;
  /** Whose side refused: `ingress` the destination's. */
  readonly direction: Direction;
  /** The rule that denies, or the policies that isolate the pod and none of which allows. */
  readonly because: readonly string[];
  readonly packets: number;
  /** How long ago the last packet was. */
  readonly secondsAgo: number;
};

/** The latest first. `nowSeconds`: of the monotonic clock. @throws KernelError */
export function readDenials(
  maps: Pick<Datapath["policy"], "denials">,
  policies: Policies,
  nowSeconds: number,
): readonly Denial[] {
  const { resolver, naming } = policies;
  return [...maps.denials.entries()]
    .map(([key, { packets, last }]): Denial => {
      const { source, destination, protocol, port, rule } = key;
      const direction = key.direction === directionNumber.ingress ? "ingress" : "egress";
      const [sourceName, destinationName] = [source, destination].map((address) => resolver.nameOf(address));
      const subject = direction === "ingress" ? destinationName : sourceName;
      const origin = naming.originOf(rule);
      const isolating = resolver.policiesOf(subject ?? "").filter(({ isolates }) => isolates.includes(direction));
      const because =
        origin === undefined ? isolating.map((policy) => policyId(policy.origin)) : [formatOrigin(origin)];
      return {
        ...{ source, destination, sourceName, destinationName, protocol, port, direction, because },
        packets: Number(packets),
        secondsAgo: Math.max(0, nowSeconds - last),
      };
    })
    .sort((a, b) => a.secondsAgo - b.secondsAgo);
}
