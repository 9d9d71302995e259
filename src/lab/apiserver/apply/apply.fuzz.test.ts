// Laws of server-side apply with several managers.
import { describe, expect, test } from "bun:test";
import { hasReason } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { schemaOf } from "#lab/apiserver/schema/definitions.ts";
import { equalJson } from "#lab/apiserver/schema/json.ts";
import { forEachSeed, type Random } from "#test/random.ts";
import { serverSideApply } from "./apply.ts";
import { fieldsIn } from "./compare.ts";
import { emptySet, formatFieldsV1, isEmptySet, parseFieldsV1, pathsOf, subtractSets, unionSets } from "./field-set.ts";
import { parseManagers, stripFields, withoutManagers } from "./managers.ts";

const seeds = 200;
const schema = schemaOf("", "v1", "Pod") ?? {};

/** Fields as a manager may want them: scalars, a map, keyed lists in keyed lists, an atomic list, a set. */
function anyConfig(random: Random): KubeObject {
  const some = <T>(name: string, make: () => T): object => (random.bool() ? { [name]: make() } : {});
  const labels = () =>
    Object.fromEntries(random.list(2, () => [random.pick(["app", "tier"]), random.pick(["x", "y"])]));
  const distinct = <T>(names: readonly string[], make: (name: string) => T): T[] =>
    names.filter(() => random.bool()).map(make);
  const container = (name: string): object => ({
    name,
    ...some("image", () => random.pick(["nginx", "redis"])),
    ...some("env", () => distinct(["A", "B"], (key) => ({ name: key, value: random.pick(["1", "2"]) }))),
    ...some("ports", () => distinct(["TCP", "UDP"], (protocol) => ({ containerPort: 80, protocol }))),
    ...some("command", () => random.list(2, () => random.pick(["a", "b"]))),
  });
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "p",
      ...some("labels", labels),
      ...some("finalizers", () => distinct(["a/f", "b/f"], (name) => name)),
    },
    spec: {
      ...some("hostNetwork", () => random.bool()),
      ...some("nodeSelector", labels),
      ...some("containers", () => distinct(["web", "log"], container)),
      ...some("securityContext", () => some("runAsUser", () => random.below(2))),
    },
  };
}

function apply(live: KubeObject | undefined, applied: KubeObject, manager: string, force = false): KubeObject {
  return serverSideApply({ schema, live, applied, manager, force, now: "2026-01-01T00:00:00Z", subresource: "" });
}

function conflictsOf(live: KubeObject, applied: KubeObject, manager: string): readonly string[] {
  try {
    apply(live, applied, manager);
    return [];
  } catch (error) {
    if (!hasReason(error, "Conflict")) throw error;
    return error.status.details?.causes?.map(({ field }) => field).sort() ?? [];
  }
}

describe("server-side apply", () => {
  test("of the same again changes nothing", () => {
    forEachSeed(seeds, (random) => {
      const config = anyConfig(random);
      const live = apply(apply(undefined, anyConfig(random), "a"), config, "b", true);
      expect(apply(live, config, "b")).toBe(live);
    });
  });

  test("of what is there by another manager changes no content and never conflicts", () => {
    forEachSeed(seeds, (random) => {
      const live = apply(undefined, anyConfig(random), "a");
      const again = apply(live, withoutManagers(live), "b");
      expect(equalJson(withoutManagers(again), withoutManagers(live))).toBe(true);
    });
  });

  test("conflicts in the same fields whoever comes first", () => {
    forEachSeed(seeds, (random) => {
      const [one, two] = [anyConfig(random), anyConfig(random)];
      const [a, b] = [apply(undefined, one, "a"), apply(undefined, two, "b")];
      expect(conflictsOf(a, two, "b")).toEqual(conflictsOf(b, one, "a"));
    });
  });

  test("by force leaves no conflict for the one who forced", () => {
    forEachSeed(seeds, (random) => {
      const [one, two] = [anyConfig(random), anyConfig(random)];
      const live = apply(apply(undefined, one, "a"), two, "b", true);
      expect(conflictsOf(live, two, "b")).toEqual([]);
      expect(conflictsOf(live, two, "c")).toEqual([]);
    });
  });

  test("leaves what the other manager applied when one lets go of everything", () => {
    forEachSeed(seeds, (random) => {
      const [one, two] = [anyConfig(random), anyConfig(random)];
      const alone = apply(undefined, one, "a");
      if (conflictsOf(alone, two, "b").length > 0) return;
      const nothing: KubeObject = { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: {} };
      const left = apply(apply(alone, two, "b"), nothing, "b");
      const fields = (object: KubeObject) =>
        pathsOf(stripFields(fieldsIn(schema, withoutManagers(object), "applied"), []));
      expect(fields(left)).toEqual(fields(alone));
    });
  });

  test("leaves no field without a manager, and no manager with a field that is gone", () => {
    forEachSeed(seeds, (random) => {
      let live = apply(undefined, anyConfig(random), "a");
      for (let i = 0; i < 6; i++) live = apply(live, anyConfig(random), random.pick(["a", "b", "c"]), true);
      const there = stripFields(fieldsIn(schema, withoutManagers(live), "applied"), []);
      const managed = parseManagers(live.metadata.managedFields)
        .map(({ fields }) => fields)
        .reduce(unionSets, emptySet);
      const everything = fieldsIn(schema, withoutManagers(live), "all");
      expect(pathsOf(subtractSets(there, managed)).filter((path) => path.at(-1) !== "f:spec")).toEqual([]);
      expect(isEmptySet(subtractSets(managed, everything))).toBe(true);
    });
  });

  test("never changes what it is given", () => {
    forEachSeed(seeds, (random) => {
      const live = apply(undefined, anyConfig(random), "a");
      const config = anyConfig(random);
      const before = JSON.stringify([live, config]);
      apply(live, config, "b", true);
      expect(JSON.stringify([live, config])).toBe(before);
    });
  });
});

describe("field sets", () => {
  test("are the same after being written and read", () => {
    forEachSeed(seeds, (random) => {
      const fields = formatFieldsV1(fieldsIn(schema, anyConfig(random), random.pick(["applied", "updated", "all"])));
      expect(formatFieldsV1(parseFieldsV1(JSON.parse(JSON.stringify(fields))))).toEqual(fields);
    });
  });

  test("read anything without failing", () => {
    const values = [null, [], 1, "x", { "f:a": null }, { "f:a": { ".": 1 } }];
    expect(values.map((value) => pathsOf(parseFieldsV1(value)).length)).toEqual([0, 0, 0, 0, 1, 1]);
  });
});
