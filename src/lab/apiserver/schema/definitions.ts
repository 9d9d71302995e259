// The schemas of the built-in kinds, read when the first is asked for. `make` generates them: see tools/kube-schema.ts.

import { readFileSync } from "node:fs";
import definitionsPath from "../../../../dist/kube/definitions.openapi" with { type: "file" };
import descriptionsPath from "../../../../dist/kube/descriptions.openapi" with { type: "file" };
import type { Schema } from "./schema.ts";

/** By name such as `io.k8s.api.core.v1.PodSpec`. */
type Definitions = Readonly<Record<string, Schema>>;

/** For each name the description of the type under "", and of its fields by name. */
export type Descriptions = Readonly<Record<string, Readonly<Record<string, string>>>>;

let loaded: Definitions | undefined;
let kinds: ReadonlyMap<string, string> | undefined;

export function definitions(): Definitions {
  // The generator writes exactly this type.
  loaded ??= JSON.parse(readFileSync(definitionsPath, "utf8")) as Definitions;
  return loaded;
}

/** @throws RangeError for a name that no published type has */
export function definition(name: string): Schema {
  const found = definitions()[name];
  if (found === undefined) throw new RangeError(`Cannot follow the reference to ${name}: no such type is published`);
  return found;
}

/** The name of the schema of a built-in kind. */
export function definitionName(group: string, version: string, kind: string): string | undefined {
  kinds ??= new Map(
    Object.entries(definitions()).flatMap(([name, schema]) =>
      (schema["x-kubernetes-group-version-kind"] ?? []).map((gvk) => [kindKey(gvk.group, gvk.version, gvk.kind), name]),
    ),
  );
  return kinds.get(kindKey(group, version, kind));
}

/** The schema of a built-in kind; undefined when no such kind is published. */
export function schemaOf(group: string, version: string, kind: string): Schema | undefined {
  const name = definitionName(group, version, kind);
  return name === undefined ? undefined : definition(name);
}

/** Read anew each time: only `kubectl explain` wants them, and they are most of the bytes. */
export function readDescriptions(): Descriptions {
  return JSON.parse(readFileSync(descriptionsPath, "utf8")) as Descriptions;
}

function kindKey(group: string, version: string, kind: string): string {
  return `${group}/${version}/${kind}`;
}
