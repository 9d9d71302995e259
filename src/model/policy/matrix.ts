// Who reaches whom, as the policies say: for tables, expectations, and the difference that a policy makes.

import { ip } from "#net/ip.ts";
import { evaluate } from "./evaluate.ts";
import { formatTraffic } from "./explain.ts";
import type { Traffic } from "./match.ts";
import { formatParty, type Party } from "./party.ts";
import type { Policy } from "./rule.ts";
import type { World } from "./world.ts";

/** A connection that could be, and whether it may. */
export type Cell = { readonly from: string; readonly to: string; readonly traffic: string; readonly allowed: boolean };

/** The name of what stands for everybody outside of the cluster. */
export const outside = "outside";

/** Every pod, and the outside, towards every declared port of every pod. */
export function matrixOf(world: World, policies: readonly Policy[] = world.policies): readonly Cell[] {
  const stranger: Party = { party: "address", addresses: [ip("203.0.113.1"), ip("2001:db8::1")] };
  const sources: readonly (readonly [name: string, party: Party])[] = [
    ...world.pods.map((pod) => [formatParty(pod), pod] as const),
    [outside, stranger],
  ];
  return sources.flatMap(([from, party]) =>
    world.pods.flatMap((to) =>
      trafficOf(to).map((traffic) => ({
        from,
        to: formatParty(to),
        traffic: formatTraffic(traffic),
        allowed: evaluate(policies, party, to, traffic).allowed,
      })),
    ),
  );
}

/** Where a pod declares no port, one stands for all. */
function trafficOf(to: Party): readonly Traffic[] {
  const declared = to.party === "pod" ? to.ports.map(({ protocol, port }) => ({ protocol, port })) : [];
  return declared.length === 0 ? [{ protocol: "tcp", port: 80 }] : declared;
}

/** The cells that two sets of policies see differently, as the second sees them. */
export function changedCells(before: readonly Cell[], after: readonly Cell[]): readonly Cell[] {
  const known = new Map(before.map((cell) => [keyOf(cell), cell.allowed]));
  return after.filter((cell) => known.get(keyOf(cell)) !== cell.allowed);
}

function keyOf({ from, to, traffic }: Cell): string {
  return `${from} ${to} ${traffic}`;
}
