// From what a resolution has touched to the operations that bring the maps there. Writes nothing.

import type { EndpointPolicy } from "#datapath/datapath.ts";
import { directionNumber, list, policySet } from "#datapath/policy-format.ts";
import type { Changes, Choice } from "#model/policy/resolve/changes.ts";
import type { PolicySet } from "#model/policy/resolve/policy-set.ts";
import type { Resolver } from "#model/policy/resolve/resolver.ts";
import type { ListEntry, VerdictList } from "#model/policy/resolve/verdict-list.ts";
import { choiceKey, type EntryRow, entryKey, type Held } from "./held.ts";
import type { Naming } from "./naming.ts";
import { inOrder, type PolicyOperation } from "./operation.ts";

export type Planning = {
  readonly resolver: Resolver;
  readonly naming: Naming;
  readonly held: Held;
  /** What a pod of this node has now; undefined: it has no interface here. */
  readonly given: (pod: string) => EndpointPolicy | undefined;
  readonly keepsConnections: (pod: string) => boolean;
};

/** What is to be done because of changes; all of it in order. */
export function planChanges(planning: Planning, changes: Changes): readonly PolicyOperation[] {
  const lists = new Map<number, VerdictList>();
  const operations = [
    ...planSets(planning, changes.sets, lists),
    ...planChoices(planning, changes.choices, lists),
    ...planAddresses(planning, changes),
    ...planPods(planning, changes.pods),
  ];
  return inOrder([...planLists(planning, lists), ...operations]);
}

/** Sets that nothing wants and no pod has. Those that pods have of which nothing is known yet are in `given`. */
export function planAbandoned(
  { resolver, naming, held }: Planning,
  given: ReadonlySet<number>,
): readonly PolicyOperation[] {
  const wanted = new Set([...resolver.sets.keys()].map((key) => naming.sets.numberOf(key)));
  const isAbandoned = (set: number) => !wanted.has(set) && !given.has(set);
  const sets = [...held.sets.keys()].filter(isAbandoned);
  const choices = [...held.choices.values()].filter(({ set }) => isAbandoned(set));
  return [
    ...choices.map((choice) => ({ do: "choose no more", choice }) as const),
    ...sets.map((set) => ({ do: "remove set", set }) as const),
  ];
}

/** What the maps hold beyond that and nothing wants: what an earlier agent left, or could not take away. */
export function planLeftovers(
  { resolver, naming, held }: Planning,
  given: ReadonlySet<number>,
): readonly PolicyOperation[] {
  const wanted = new Set<string>();
  const sets = new Set<number>();
  for (const { key, ingress, egress } of resolver.sets.values()) {
    const set = naming.sets.numberOf(key);
    sets.add(set);
    for (const [direction, { choices }] of [ingress, egress].entries()) {
      for (const of of choices.keys()) wanted.add(choiceKey({ set, direction, identity: naming.identity(of) }));
    }
  }
  const operations: PolicyOperation[] = [];
  for (const [key, choice] of held.choices) {
    const isKept = !sets.has(choice.set) && given.has(choice.set);
    if (!wanted.has(key) && !isKept) operations.push({ do: "choose no more", choice });
  }
  for (const address of held.identities.keys()) {
    if (resolver.identityOf(address) === undefined) operations.push({ do: "forget", address });
  }
  for (const block of held.blocks.keys()) {
    if (resolver.identityOfBlock(block) === undefined) operations.push({ do: "forget block", block });
  }
  return inOrder(operations);
}

/** Lists that nothing names any more. */
export function planIdleLists(held: Held): readonly PolicyOperation[] {
  return held
    .idleLists()
    .map((list) => ({ do: "remove list", list, entries: [...(held.lists.get(list)?.values() ?? [])] }));
}

function planSets(
  { resolver, naming, held }: Planning,
  sets: ReadonlySet<PolicySet>,
  lists: Map<number, VerdictList>,
): readonly PolicyOperation[] {
  return [...sets].flatMap((set): readonly PolicyOperation[] => {
    const number = naming.sets.numberOf(set.key);
    const before = held.sets.get(number);
    if (!resolver.sets.has(set.key)) return before === undefined ? [] : [{ do: "remove set", set: number }];
    const [ingress, egress] = [set.ingress.rest, set.egress.rest].map((rest) => {
      const list = naming.list(rest);
      lists.set(list, rest);
      return list;
    });
    if (ingress === undefined || egress === undefined) return [];
    const isThere = before?.ingress === ingress && before.egress === egress;
    return isThere ? [] : [{ do: "add set", set: number, lists: { ingress, egress } }];
  });
}

function planChoices(
  { resolver, naming, held }: Planning,
  choices: readonly Choice[],
  lists: Map<number, VerdictList>,
): readonly PolicyOperation[] {
  const planned = new Map<string, PolicyOperation>();
  for (const { set, direction, class: of } of choices) {
    const choice = {
      set: naming.sets.numberOf(set.key),
      direction: directionNumber[direction],
      identity: naming.identity(of),
    };
    const wanted = resolver.sets.has(set.key) ? set[direction].choices.get(of) : undefined;
    const before = held.choices.get(choiceKey(choice));
    if (wanted === undefined) {
      if (before !== undefined) planned.set(choiceKey(choice), { do: "choose no more", choice });
      continue;
    }
    const list = naming.list(wanted);
    lists.set(list, wanted);
    if (before?.list !== list) planned.set(choiceKey(choice), { do: "choose", choice, list });
  }
  return [...planned.values()];
}

function planLists({ naming, held }: Planning, lists: ReadonlyMap<number, VerdictList>): readonly PolicyOperation[] {
  return [...lists].flatMap(([list, { entries }]): readonly PolicyOperation[] => {
    const there = held.lists.get(list);
    const missing = entries
      .map((entry) => toRow(entry, naming))
      .filter((row) => {
        const before = there?.get(entryKey(row));
        return before?.rule !== row.rule || before.allow !== row.allow;
      });
    return missing.length === 0 ? [] : [{ do: "add list", list, entries: missing }];
  });
}

/** Lengths of prefixes of `lists` (bpf/policy.h). */
const wholeList = 32;
const wholeProtocol = 40;

function toRow({ protocol, port, bits, allow, rule }: ListEntry, naming: Naming): EntryRow {
  const prefixLength = protocol === undefined ? wholeList : wholeProtocol + bits;
  return { prefixLength, protocol: protocol ?? 0, port, rule: naming.rule(rule), allow: allow ? 1 : 0 };
}

function planAddresses(
  { resolver, naming, held }: Planning,
  { addresses, blocks }: Pick<Changes, "addresses" | "blocks">,
): readonly PolicyOperation[] {
  const operations: PolicyOperation[] = [];
  for (const address of addresses) {
    const of = resolver.identityOf(address);
    const before = held.identities.get(address);
    const identity = of === undefined ? undefined : naming.identity(of);
    if (identity === before) continue;
    operations.push(identity === undefined ? { do: "forget", address } : { do: "know", address, identity });
  }
  for (const block of blocks) {
    const of = resolver.identityOfBlock(block);
    const before = held.blocks.get(block);
    const identity = of === undefined ? undefined : naming.identity(of);
    if (identity === before) continue;
    operations.push(identity === undefined ? { do: "forget block", block } : { do: "know block", block, identity });
  }
  return operations;
}

function planPods(
  { resolver, naming, given, keepsConnections }: Planning,
  pods: ReadonlySet<string>,
): readonly PolicyOperation[] {
  return [...pods].flatMap((pod): readonly PolicyOperation[] => {
    const wanted = resolver.setOf(pod);
    const before = given(pod);
    if (wanted === undefined || before === undefined) return [];
    const set = wanted === "open" ? policySet.open : naming.sets.numberOf(wanted.key);
    const keeps = keepsConnections(pod);
    if (before.policySet === set && before.keepsConnections === keeps) return [];
    return [{ do: "give", pod, set, keepsConnections: keeps }];
  });
}

/** Whether what `operations` change might forbid what was allowed, so that open connections are to be judged again. */
export function mayTighten(
  operations: readonly PolicyOperation[],
  { held, given }: Pick<Planning, "held" | "given">,
): boolean {
  const answers = new Map<string, boolean>();
  const tightens = (before: number, after: number) =>
    answers.getOrInsertComputed(`${before} ${after}`, () => listsTighten(held, before, after));
  return operations.some((operation) => {
    switch (operation.do) {
      case "give":
        return operation.set !== policySet.open && given(operation.pod)?.policySet !== policySet.closed;
      case "know block":
      case "forget block":
      case "forget":
        return true;
      case "know": {
        const before = held.identities.get(operation.address);
        // Without an entry of its own it is what its block is.
        if (before === undefined && held.blocks.size > 0) return true;
        return tightens(before ?? 0, operation.identity);
      }
      default:
        return false;
    }
  });
}

function listsTighten(held: Held, before: number, after: number): boolean {
  for (const set of held.sets.keys()) {
    for (const direction of Object.values(directionNumber)) {
      const [was, is] = [before, after].map((identity) => held.listOf({ set, direction, identity }));
      if (was !== is && was !== list.deny) return true;
    }
  }
  return false;
}
