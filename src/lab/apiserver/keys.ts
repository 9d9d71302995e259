// Where objects are in the store: `/GROUP/PLURAL/NAMESPACE/NAME`.

import type { ResourceDefinition } from "./registry.ts";

type Kept = Pick<ResourceDefinition, "group" | "plural" | "storedAs">;

/** Of all objects of a resource, or of those in a namespace when one is given and not "". */
export function prefixOf(definition: Kept, namespace: string | undefined): string {
  const { group, plural } = definition.storedAs ?? definition;
  const resource = `/${group === "" ? "core" : group}/${plural}/`;
  return namespace === undefined || namespace === "" ? resource : `${resource}${namespace}/`;
}

/** Of one object; `namespace` is "" for objects of the cluster. */
export function keyOf(definition: Kept, namespace: string | undefined, name: string): string {
  return `${prefixOf(definition, undefined)}${namespace ?? ""}/${name}`;
}
