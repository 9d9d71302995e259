// What goes with its owner, what waits, and what is set free.

import { describe, expect, test } from "bun:test";
import { pods, replicaSets } from "#kube/resource.ts";
import { Census, type Entry } from "./census.ts";
import { type Collection, planObject, touchedBy } from "./garbage.ts";
import { planNamespace } from "./namespace.ts";

type Fields = {
  readonly owners?: readonly string[];
  readonly blocks?: boolean;
  readonly finalizers?: readonly string[];
  readonly terminating?: boolean;
};

function entry(uid: string, { owners = [], blocks = true, finalizers = [], terminating = false }: Fields = {}): Entry {
  const resource = uid.startsWith("set") ? replicaSets : pods;
  return {
    resource: { ...resource, verbs: ["delete"], shortNames: [] } as unknown as Entry["resource"],
    namespace: "shop",
    name: uid,
    uid,
    owners: owners.map((owner) => ({
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      name: owner,
      uid: owner,
      blockOwnerDeletion: blocks,
    })),
    finalizers,
    terminating,
  };
}

function plan(subject: Entry, ...others: readonly Entry[]): readonly string[] {
  const census = new Census();
  for (const each of [subject, ...others]) census.set(each);
  return planObject(subject, census).map(show);
}

function show(step: Collection): string {
  switch (step.do) {
    case "remove":
      return `remove ${step.entry.name} ${step.policy}`;
    case "release":
      return `release ${step.entry.name} from ${step.owner}`;
    case "unblock":
      return `take ${step.finalizer} from ${step.entry.name}`;
    case "verify":
      return `remove ${step.entry.name} unless ${step.owners.map(({ name }) => name)} is there`;
  }
}

describe("planObject()", () => {
  const going = { terminating: true };
  const rows: readonly (readonly [what: string, subject: Entry, others: readonly Entry[], steps: readonly string[]])[] =
    [
      ["leaves what nobody owns", entry("pod"), [], []],
      ["leaves what an owner that is there owns", entry("pod", { owners: ["set"] }), [entry("set")], []],
      ["leaves what one of two owners still owns", entry("pod", { owners: ["set", "set2"] }), [entry("set2")], []],
      [
        "removes what no owner owns any more",
        entry("pod", { owners: ["set"] }),
        [],
        ["remove pod unless set is there"],
      ],
      [
        "removes the dependents of an owner that waits for them",
        entry("set", { ...going, finalizers: ["foregroundDeletion"] }),
        [entry("pod", { owners: ["set"] }), entry("pod2", { owners: ["set"], terminating: true })],
        ["remove pod Foreground"],
      ],
      [
        "lets an owner go that no dependent blocks",
        entry("set", { ...going, finalizers: ["foregroundDeletion"] }),
        [entry("pod", { owners: ["set"], blocks: false })],
        ["take foregroundDeletion from set"],
      ],
      [
        "sets the dependents of an owner free that leaves them behind",
        entry("set", { ...going, finalizers: ["orphan"] }),
        [entry("pod", { owners: ["set"] })],
        ["release pod from set"],
      ],
      ["lets that owner go then", entry("set", { ...going, finalizers: ["orphan"] }), [], ["take orphan from set"]],
      [
        "leaves an owner alone that others hold",
        entry("set", { ...going, finalizers: ["mine/hold"] }),
        [entry("pod", { owners: ["set"] })],
        [],
      ],
    ];
  for (const [what, subject, others, steps] of rows)
    test(what, () => expect(plan(subject, ...others)).toEqual([...steps]));
});

describe("touchedBy()", () => {
  test("names those whom a removal concerns", () => {
    const census = new Census();
    const set = entry("set", { owners: ["deployment"] });
    for (const each of [set, entry("pod", { owners: ["set"] }), entry("other")]) census.set(each);
    census.remove("set");
    expect(touchedBy(set, census)).toEqual(["set", "pod", "deployment"]);
  });
});

describe("planNamespace()", () => {
  test("removes owners before what they own, and nothing twice", () => {
    const members = [entry("pod", { owners: ["set"] }), entry("set"), entry("gone", { terminating: true })];
    expect(planNamespace(members).removals.map(({ name }) => name)).toEqual(["set", "pod"]);
    expect(planNamespace(members).empty).toBe(false);
    expect(planNamespace([])).toEqual({ removals: [], empty: true });
  });
});
