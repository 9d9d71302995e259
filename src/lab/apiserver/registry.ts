// The resources that the server serves: built-in ones from a table, others as CRDs bring them at run time.

import type { Cause } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import type { Authorizer } from "./authorizer.ts";
import type { IndexClass, ObjectIndex } from "./indexes.ts";
import type { ScalePaths } from "./operations/scale.ts";
import type { UserInfo } from "./request.ts";
import type { Schema } from "./schema/schema.ts";

export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection";

export const allVerbs: readonly Verb[] = [
  "create",
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "update",
  "watch",
];

/** One version of a resource. Objects are stored in the one that says `storage`. */
export type ResourceVersion = {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  /** Shape of the objects, looked up at the first use; undefined: whatever comes is kept. */
  readonly schema: () => Schema | undefined;
  /** Between this version and the stored one; undefined: they differ in `apiVersion` only. */
  readonly convert?: { readonly toStored: Conversion; readonly fromStored: Conversion };
  readonly columns?: readonly Column[];
};

export type Conversion = (object: KubeObject) => KubeObject;

/** A column of a table (additionalPrinterColumns); `priority` above 0 is for `-o wide`. */
export type Column = {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description?: string;
  readonly priority?: number;
  readonly jsonPath: string;
};

export type Subresource = {
  /** `status`, `scale`, `binding`, `eviction`, `token`, `log`, `exec` … */
  readonly name: string;
  /** Kind that travels, and its group and version when they are not the resource's own. */
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  /** Of `scale`, when the numbers are elsewhere than in built-in kinds. */
  readonly scale?: ScalePaths;
  readonly verbs: readonly Verb[];
};

/** What rules may look at besides the object. */
export type RuleContext = {
  /** RFC 3339, whole seconds. */
  readonly now: string;
  readonly user: UserInfo;
  /** `status` when the status is written. */
  readonly subresource: string;
  /** Fills bytes with randomness. */
  readonly random: (bytes: Uint8Array) => Uint8Array;
  /** Objects of another resource, in a namespace ("" for all of them). */
  readonly objects: (group: string, plural: string, namespace: string) => readonly KubeObject[];
  /** What is known of all objects of another resource, without looking at each. */
  readonly index: <T extends ObjectIndex>(kind: IndexClass<T>) => T;
};

/** What decides whether somebody may write an object may look at besides. */
export type AdmitContext = RuleContext & { readonly authorizer: Authorizer };

/** What is particular to a kind. Objects are never changed in place: a rule gives a new one. */
export type Rules = {
  /** A new object may bring its status along, as a kubelet's node does; of other kinds it is dropped. */
  readonly keepsStatus?: boolean;
  /** Defaults, and what clients may not set. Runs after the schema's own defaults. */
  readonly prepareCreate?: (object: KubeObject, context: RuleContext) => KubeObject;
  readonly prepareUpdate?: (object: KubeObject, old: KubeObject, context: RuleContext) => KubeObject;
  /** What is wrong; `old` is there for an update. */
  readonly validate?: (object: KubeObject, old: KubeObject | undefined) => readonly Cause[];
  /** Of a valid object: whether this user may write it. Throws KubeError. */
  readonly admit?: (object: KubeObject, old: KubeObject | undefined, context: AdmitContext) => void;
  /** Whether an object may be deleted at all. Throws KubeError. */
  readonly admitDelete?: (object: KubeObject) => void;
};

export type ResourceDefinition = {
  readonly group: string;
  /** Preferred first. */
  readonly versions: readonly ResourceVersion[];
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[];
  readonly subresources: readonly Subresource[];
  /** Field selectors besides metadata.name and metadata.namespace, as paths: `spec.nodeName`. */
  readonly selectableFields: readonly string[];
  /** Whether `metadata.generation` counts changes of what the user wants. */
  readonly generation: boolean;
  /** Where objects live when they are those of another resource: events.k8s.io's are the core group's. */
  readonly storedAs?: { readonly group: string; readonly plural: string };
  readonly rules: Rules;
  /** True for resources of CRDs: a strategic merge patch does not exist for them. */
  readonly custom: boolean;
};

/** A definition together with the version that a request asks for. */
export type VersionedResource = { readonly definition: ResourceDefinition; readonly version: ResourceVersion };

/** Definitions by group and plural. `revision` counts changes, for whoever caches what follows from them. */
export class Registry {
  readonly #definitions = new Map<string, ResourceDefinition>();
  #revision = 0;

  constructor(definitions: readonly ResourceDefinition[]) {
    for (const definition of definitions) this.set(definition);
  }

  get revision(): number {
    return this.#revision;
  }

  set(definition: ResourceDefinition): void {
    this.#definitions.set(keyOf(definition.group, definition.plural), definition);
    this.#revision++;
  }

  remove(group: string, plural: string): void {
    if (this.#definitions.delete(keyOf(group, plural))) this.#revision++;
  }

  get(group: string, plural: string): ResourceDefinition | undefined {
    return this.#definitions.get(keyOf(group, plural));
  }

  /** The resource as a request names it; undefined when it is not served in that version. */
  find(group: string, version: string, plural: string): VersionedResource | undefined {
    const definition = this.get(group, plural);
    const served = definition?.versions.find(({ name, served }) => served && name === version);
    return definition === undefined || served === undefined ? undefined : { definition, version: served };
  }

  /** In the order of their first registration. */
  all(): readonly ResourceDefinition[] {
    return [...this.#definitions.values()];
  }
}

function keyOf(group: string, plural: string): string {
  return `${group}/${plural}`;
}

/** The version that objects are stored in. */
export function storedVersion({ versions, plural }: ResourceDefinition): ResourceVersion {
  const stored = versions.find(({ storage }) => storage) ?? versions[0];
  if (stored === undefined) throw new RangeError(`Cannot serve ${plural}: its definition has no version`);
  return stored;
}

export function findSubresource({ subresources }: ResourceDefinition, name: string): Subresource | undefined {
  return subresources.find((subresource) => subresource.name === name);
}
