// Connections that agents have seen, and that policies would not allow any more.

import type { ConnectionMessage, ConnectionsMessage } from "#api/messages.ts";
import { formatTable } from "#cli/table.ts";
import type { KubeObject } from "#kube/object.ts";
import { evaluate, type Verdict } from "#model/policy/evaluate.ts";
import { formatRule } from "#model/policy/explain.ts";
import { keepsEstablished } from "#model/policy/keep.ts";
import { choosesPod } from "#model/policy/match.ts";
import { formatParty, type Party } from "#model/policy/party.ts";
import { formatOrigin } from "#model/policy/rule.ts";
import { partyAt, type World } from "#model/policy/world.ts";
import { isSameObject } from "./find-policy.ts";

/** Connections of the same ends that new policies do not allow. */
export type Cut = {
  readonly from: string;
  readonly to: string;
  readonly protocol: ConnectionMessage["protocol"];
  readonly port: number;
  /** How many of these were seen. */
  readonly connections: number;
  /** They go on, and cannot be opened again. */
  readonly kept: boolean;
  readonly by: string;
};

/** `after`: the objects of what would be, and what they are together. `answers`: of each agent. */
export function cutsOf(
  before: World,
  after: { readonly objects: readonly KubeObject[]; readonly world: World },
  answers: readonly ConnectionsMessage[],
): readonly Cut[] {
  const keeps = keeperOf(after);
  const cuts = new Map<string, Cut>();
  for (const { protocol, from, to, cutsEstablished } of distinct(answers)) {
    const source = partyAt(before, from.address);
    const target = partyAt(before, to.address);
    const traffic = { protocol, port: protocol === "icmp" ? undefined : to.port };
    // A connection keeps the policies of its beginning in mind: only what was allowed can be cut.
    if (!evaluate(before.policies, source, target, traffic).allowed) continue;
    const now = evaluate(after.world.policies, source, target, traffic);
    if (now.allowed) continue;
    const [out, into] = [refusal(now.egress), refusal(now.ingress)];
    const isCut = (out !== undefined && !keeps(source)) || (into !== undefined && !keeps(target));
    const kept = !cutsEstablished || !isCut;
    const ends = { from: formatParty(source), to: formatParty(target), protocol, port: to.port, kept };
    const key = JSON.stringify(ends);
    const by = [...(out ?? []), ...(into ?? [])].join(", ");
    cuts.set(key, { ...ends, connections: (cuts.get(key)?.connections ?? 0) + 1, by });
  }
  return [...cuts.values()];
}

type Seen = ConnectionMessage & { readonly cutsEstablished: boolean };

/** Both ends' nodes know of a connection between pods; one that one of them cuts is cut. */
function distinct(answers: readonly ConnectionsMessage[]): Iterable<Seen> {
  const seen = new Map<string, Seen>();
  for (const { connections, cutsEstablished } of answers) {
    for (const each of connections ?? []) {
      const key = JSON.stringify([each.protocol, each.from, each.to]);
      if (cutsEstablished || !seen.has(key)) seen.set(key, { ...each, cutsEstablished });
    }
  }
  return seen.values();
}

/** Whether some policy of a pod says that its connections go on. */
function keeperOf({ objects, world }: { readonly objects: readonly KubeObject[]; readonly world: World }) {
  const keepers = objects.filter(({ metadata }) => keepsEstablished(metadata));
  const policies = world.policies.filter(({ origin }) => keepers.some((object) => isSameObject(origin, object)));
  return (party: Party) =>
    party.party === "pod" && policies.some(({ subject }) => choosesPod(subject, party) === undefined);
}

/** Why an end says no. */
function refusal(end: Verdict | undefined): readonly string[] | undefined {
  if (end === undefined || end.allowed) return undefined;
  const { decidedBy, isolatedBy } = end;
  return decidedBy === undefined ? isolatedBy.map(({ origin }) => formatOrigin(origin)) : [formatRule(decidedBy.rule)];
}

/** `where`: `on this node` */
export function formatCuts(cuts: readonly Cut[], seconds: number, where: string): string {
  const [cut, kept] = [cuts.filter((each) => !each.kept), cuts.filter((each) => each.kept)];
  const of = `of the last ${seconds} s ${where}`;
  const first =
    cut.length === 0
      ? `no connection ${of} would be cut\n`
      : `connections ${of} that would be cut:\n${formatTable(cut.map(rowOf))}`;
  if (kept.length === 0) return first;
  return `${first}\nconnections ${of} that would go on, and could not be opened again:\n${formatTable(kept.map(rowOf))}`;
}

function rowOf({ from, to, protocol, port, connections, by }: Cut): readonly string[] {
  const place = protocol === "icmp" ? `${to}:icmp` : `${to}:${protocol}/${port}`;
  return [`${connections} ×`, from, "→", place, by];
}
