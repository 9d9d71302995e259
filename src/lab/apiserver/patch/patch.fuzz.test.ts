// Laws of the patch types.
import { describe, expect, test } from "bun:test";
import { schemaOf } from "#lab/apiserver/schema/definitions.ts";
import { equalJson, type Fields, isFields } from "#lab/apiserver/schema/json.ts";
import { anything } from "#lab/apiserver/schema/schema.ts";
import { forEachSeed, type Random } from "#test/random.ts";
import { jsonPatch } from "./json-patch.ts";
import { mergePatch } from "./merge-patch.ts";
import { strategicMergePatch } from "./strategic-merge.ts";

const seeds = 500;

/** JSON without nulls, which a merge patch cannot set. */
function anyJson(random: Random, depth = 3): unknown {
  const kind = depth === 0 ? random.below(3) : random.below(5);
  if (kind === 0) return random.below(3);
  if (kind === 1) return random.pick(["", "a", "~1/", "__proto__"]);
  if (kind === 2) return random.bool();
  if (kind === 3) return random.list(3, () => anyJson(random, depth - 1));
  return anyFields(random, depth);
}

function anyFields(random: Random, depth = 3): Fields {
  return Object.fromEntries(
    random.list(3, () => [random.pick(["a", "b", "c/d~", "toString"]), anyJson(random, depth - 1)]),
  );
}

/** The merge patch from one object to another (RFC 7386, section 2, the other way round). */
function mergeDifference(from: Fields, to: Fields): Fields {
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  return Object.fromEntries(
    names.flatMap((name) => {
      const [old, now] = [from[name], Object.hasOwn(to, name) ? to[name] : undefined];
      if (now === undefined) return [[name, null] as const];
      if (Object.hasOwn(from, name) && equalJson(old, now)) return [];
      return [
        [
          name,
          isFields(now) ? mergeDifference(isFields(old) && Object.hasOwn(from, name) ? old : {}, now) : now,
        ] as const,
      ];
    }),
  );
}

describe("a merge patch", () => {
  test("of the difference leads from one object to the other", () => {
    forEachSeed(seeds, (random) => {
      const [from, to] = [anyFields(random), anyFields(random)];
      expect(equalJson(mergePatch(from, mergeDifference(from, to)), to)).toBe(true);
    });
  });

  test("applied twice is applied once, and changes nothing that it is given", () => {
    forEachSeed(seeds, (random) => {
      const [object, patch] = [anyFields(random), anyFields(random)];
      const before = JSON.stringify([object, patch]);
      const once = mergePatch(object, patch);
      expect(mergePatch(once, patch)).toEqual(once);
      expect(JSON.stringify([object, patch])).toBe(before);
    });
  });
});

describe("a JSON patch", () => {
  test("that adds and removes, or moves there and back, leaves all as it was", () => {
    forEachSeed(seeds, (random) => {
      const object = { ...anyFields(random), list: random.list(3, () => anyJson(random)) };
      const at = `/list/${random.int(0, object.list.length)}`;
      const operations = [
        { op: "add", path: at, value: anyJson(random) },
        { op: "move", from: at, path: "/new" },
        { op: "move", from: "/new", path: at },
        { op: "remove", path: at },
      ];
      expect(jsonPatch(object, operations)).toEqual(object);
    });
  });
});

describe("a strategic merge patch", () => {
  const schema = schemaOf("", "v1", "Pod") ?? anything;
  const container = (random: Random) => (name: string) => ({
    name,
    ...(random.bool() ? { image: random.pick(["x", "y"]) } : {}),
    ...(random.bool()
      ? { env: ["A", "B"].filter(() => random.bool()).map((key) => ({ name: key, value: random.pick(["1", "2"]) })) }
      : {}),
    ...(random.bool() ? { command: random.list(2, () => random.pick(["a", "b"])) } : {}),
  });
  const anyPod = (random: Random) => ({
    metadata: { labels: { app: random.pick(["a", "b"]) }, finalizers: ["f/1", "f/2"].filter(() => random.bool()) },
    spec: { containers: ["a", "b", "c"].filter(() => random.bool()).map(container(random)) },
  });

  test("applied twice is applied once, and changes nothing that it is given", () => {
    forEachSeed(seeds, (random) => {
      const [pod, patch] = [anyPod(random), anyPod(random)];
      const before = JSON.stringify([pod, patch]);
      const once = strategicMergePatch(schema, pod, patch);
      expect(strategicMergePatch(schema, once, patch)).toEqual(once);
      expect(JSON.stringify([pod, patch])).toBe(before);
    });
  });

  test("with an order puts the named items in that order and loses none", () => {
    forEachSeed(seeds, (random) => {
      const [pod, patch] = [anyPod(random), anyPod(random)];
      const order = patch.spec.containers.map(({ name }) => ({ name })).reverse();
      const spec = { ...patch.spec, "$setElementOrder/containers": order };
      const result = strategicMergePatch(schema, pod, { spec });
      const names = (result["spec"] as typeof pod.spec).containers.map(({ name }) => name);
      const wanted = order.map(({ name }) => name);
      expect(names.filter((name) => wanted.includes(name))).toEqual(wanted);
      expect(names.toSorted()).toEqual(
        [...new Set([...pod.spec.containers.map(({ name }) => name), ...wanted])].sort(),
      );
    });
  });
});
