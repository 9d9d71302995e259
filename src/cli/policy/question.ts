// Whether one end may connect to another, asked as people write it: every source with everything that the target means.

import { explain, formatTraffic } from "#model/policy/explain.ts";
import { type Judgement, judge } from "#model/policy/judge.ts";
import { formatParty } from "#model/policy/party.ts";
import type { World } from "#model/policy/world.ts";
import { type Destination, type Route, reachesOf } from "./destinations.ts";
import { type End, findSource } from "./ends.ts";
import { parseTarget } from "./target.ts";

/** One source with one destination. */
export type Answer = {
  readonly from: End;
  readonly route: Route | undefined;
  /** Undefined when nothing is behind the service. */
  readonly destination: Destination | undefined;
  /** None when the ends share no address family. */
  readonly judgements: readonly Judgement[];
  readonly allowed: boolean;
};

/** Names without a namespace are of `namespace`; of the target, when none is given, of the source's own. @throws UsageError */
export function askWorld(world: World, from: string, to: string, namespace: string | undefined): readonly Answer[] {
  const target = parseTarget(to);
  return findSource(world, from, namespace ?? "default").flatMap((source) => {
    const own = source.party.party === "pod" ? source.party.namespace : "default";
    return reachesOf(world, target, source.party, namespace ?? own).flatMap(({ route, destinations }) =>
      destinations.length === 0
        ? [{ from: source, route, destination: undefined, judgements: [], allowed: false }]
        : destinations.map((destination) => answer(world, source, route, destination)),
    );
  });
}

function answer(world: World, source: End, route: Route | undefined, destination: Destination): Answer {
  const from = seenBy(destination, source);
  const judgements = judge(world.policies, from.party, destination.party, destination.traffic);
  const allowed = judgements.length > 0 && judgements.every(({ verdict }) => verdict.allowed);
  return { from, route, destination, judgements, allowed };
}

/** Who the destination's policies are asked about. */
function seenBy({ party, sees }: Destination, source: End): End {
  if (sees === undefined) return source;
  const remark = `${formatParty(party)} is on another node than ${sees.name}, and sees ${sees.name} in the place of ${formatParty(source.party)}`;
  return { party: sees, remark };
}

/** Why, in words: a text for each address family when they differ. */
export function explainAnswer({ from, route, destination, judgements }: Answer): string {
  const source = formatParty(from.party);
  if (destination === undefined) {
    const service = route === undefined ? "nothing" : `service ${route.service.namespace}/${route.service.name}`;
    return `${source} → ${service}: refused\n  no pod is behind it that could answer\n`;
  }
  const { party, traffic } = destination;
  if (judgements.length === 0)
    return `${source} → ${formatParty(party)} ${formatTraffic(traffic)}: denied\n  they have no address family in common\n`;
  const remarks = [...new Set([from.remark, destination.remark])].filter((remark) => remark !== undefined);
  const text = judgements.map(({ family, verdict }) => explain(from.party, party, traffic, verdict, family)).join("\n");
  return `${text}${remarks.map((remark) => `\n${remark}\n`).join("")}`;
}
