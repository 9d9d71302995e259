// Whether one end may connect to another, asked as people write it: every source with everything that the target means.

import { type About, aboutOf } from "#model/policy/about.ts";
import { explain, formatTraffic } from "#model/policy/explain.ts";
import { type Judgement, judge } from "#model/policy/judge.ts";
import { formatParty } from "#model/policy/party.ts";
import type { World } from "#model/policy/world.ts";
import { reachesOf } from "./destinations.ts";
import { type End, findSource } from "./ends.ts";
import type { Destination, Route } from "./routes.ts";
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

/**
 * Names without a namespace are of `namespace`; of the target, when none is given, of the source's own. Who asks again and again gives the same
 * `about` each time. @throws UsageError
 */
export function askWorld(
  world: World,
  from: string,
  to: string,
  namespace: string | undefined,
  about: About = aboutOf(world.policies),
): readonly Answer[] {
  const target = parseTarget(to);
  return findSource(world, from, namespace ?? "default").flatMap((source) => {
    const own = source.party.party === "pod" ? source.party.namespace : "default";
    return reachesOf(world, target, source.party, namespace ?? own).flatMap(({ route, destinations }) =>
      destinations.length === 0
        ? [{ from: source, route, destination: undefined, judgements: [], allowed: false }]
        : destinations.map((destination) => answer(about, source, route, destination)),
    );
  });
}

function answer(about: About, from: End, route: Route | undefined, destination: Destination): Answer {
  const { party, traffic, asked, sees } = destination;
  const policies = [...new Set([...about(from.party), ...about(party)])];
  const judgements = judge(policies, { from: from.party, to: party, traffic, asked, sees });
  const allowed = judgements.length > 0 && judgements.every(({ verdict }) => verdict.allowed);
  return { from, route, destination, judgements, allowed };
}

/** What must be known beside the verdicts, a sentence each. */
export function remarksOf({ from, route, destination }: Answer): readonly string[] {
  const { asked, sees, party } = destination ?? {};
  const [source, target] = [formatParty(from.party), party === undefined ? "" : formatParty(party)];
  const { admission } = route ?? {};
  const remarks = [
    from.remark,
    admission?.allowed === true ? `${admission.by} admits ${source}: ${admission.why}` : undefined,
    destination?.remark,
    asked && `${asked.party.name} sends it on: the policies of ${source} see ${formatTraffic(asked.traffic)} of it`,
    sees && `${target} is on another node than ${sees.name}, and sees ${sees.name} in the place of ${source}`,
    route?.remark,
  ];
  return [...new Set(remarks)].filter((remark) => remark !== undefined);
}

/** Why, in words: a text for each address family when they differ. */
export function explainAnswer(answer: Answer): string {
  const { from, route, destination, judgements } = answer;
  const source = formatParty(from.party);
  if (destination === undefined) {
    const { service, admission } = route ?? {};
    const name = service === undefined ? "nothing" : `service ${service.namespace}/${service.name}`;
    if (admission?.allowed === false) return `${source} → ${name}: denied\n  ${admission.by}: ${admission.why}\n`;
    return `${source} → ${name}: refused\n  no pod is behind it that could answer\n`;
  }
  const { party, traffic } = destination;
  if (judgements.length === 0)
    return `${source} → ${formatParty(party)} ${formatTraffic(traffic)}: denied\n  they have no address family in common\n`;
  const text = judgements.map(({ family, verdict }) => explain(from.party, party, traffic, verdict, family)).join("\n");
  return `${text}${remarksOf(answer)
    .map((remark) => `\n${remark}\n`)
    .join("")}`;
}
