// Laws of pruning, defaulting and validation on whatever a client may send.
import { describe, expect, test } from "bun:test";
import { forEachSeed, type Random } from "#test/random.ts";
import { applyDefaults } from "./defaults.ts";
import { definitions, schemaOf } from "./definitions.ts";
import { prune, unknownFields } from "./prune.ts";
import { itemSchema, propertySchema, type Schema } from "./schema.ts";
import { validateSchema } from "./validate.ts";

const seeds = 300;
const kinds = Object.values(definitions()).filter((schema) => schema["x-kubernetes-group-version-kind"] !== undefined);

/** A value that mostly follows a schema: some fields are of a wrong type, unknown, or null. */
function anyValue(random: Random, schema: Schema, depth = 0): unknown {
  if (random.chance(20)) return random.pick([null, "x", -1, 1.5, true, [], {}]);
  if (schema.type === "array") return random.list(2, () => anyValue(random, itemSchema(schema), depth + 1));
  if (schema.type === "integer") return random.int(0, 100_000);
  if (schema.type === "boolean") return random.bool();
  if (schema.type !== "object") return random.pick(schema.enum ?? ["a", "1Gi", "2026-01-01T00:00:00Z"]);
  const names = Object.keys(schema.properties ?? { k: {} });
  const chosen = depth > 6 ? [] : random.list(4, () => random.pick(names.length === 0 ? ["x"] : names));
  if (random.chance(10)) chosen.push("noSuchField");
  return Object.fromEntries(
    chosen.map((name) => [name, anyValue(random, propertySchema(schema, name) ?? {}, depth + 1)]),
  );
}

describe("schemas of built-in kinds", () => {
  test("prune to something that has nothing unknown, once and for all", () => {
    forEachSeed(seeds, (random) => {
      const schema = random.pick(kinds);
      const pruned = prune(schema, anyValue(random, schema));
      expect(unknownFields(schema, pruned)).toEqual([]);
      expect(prune(schema, pruned)).toBe(pruned);
    });
  });

  test("fill in defaults once, and those fit", () => {
    forEachSeed(seeds, (random) => {
      const schema = random.pick(kinds);
      const value = prune(schema, anyValue(random, schema));
      const before = validateSchema(schema, value).length;
      const filled = applyDefaults(schema, value);
      expect(applyDefaults(schema, filled)).toBe(filled);
      expect(validateSchema(schema, filled).length).toBeLessThanOrEqual(before);
    });
  });

  test("find each cause at a field, in words", () => {
    forEachSeed(seeds, (random) => {
      const schema = random.pick(kinds);
      for (const { reason, field, message } of validateSchema(schema, anyValue(random, schema))) {
        expect(reason).toStartWith("FieldValue");
        expect(message).not.toContain("undefined");
        expect(field).not.toContain("..");
      }
    });
  });

  test("have nothing against an empty object but what it needs", () => {
    const pod = schemaOf("", "v1", "Pod") ?? {};
    expect(validateSchema(pod, {})).toEqual([]);
    expect(validateSchema(pod, { spec: {} })).toMatchObject([{ field: "spec.containers", message: "Required value" }]);
  });
});
