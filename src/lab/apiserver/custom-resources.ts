// Resources that come and go with their CustomResourceDefinitions: registered when one is written, emptied when one is deleted.

import type { KubeObject } from "#kube/object.ts";
import type { ApiContext } from "./context.ts";
import { crdSpec, defaultCrd } from "./crd/crd.ts";
import { crdDefinition } from "./crd/definition.ts";
import { isEstablished, type TakenNames, withCrdStatus } from "./crd/status.ts";
import { validateCrd } from "./crd/validate-crd.ts";
import { prefixOf } from "./keys.ts";
import { deleteStored } from "./operations/delete.ts";
import { withoutFinalizer } from "./operations/deletion.ts";
import { storeChange } from "./operations/update.ts";
import type { ResourceDefinition, RuleContext, Rules, Verb } from "./registry.ts";
import { isFields } from "./schema/json.ts";
import type { Stored } from "./store/stored.ts";

const crds = { group: "apiextensions.k8s.io", plural: "customresourcedefinitions" };

/** Holds a definition until its objects are gone (Kubernetes documentation, "Delete a CustomResourceDefinition"). */
const cleanup = "customresourcecleanup.apiextensions.k8s.io";

/** A definition is served as soon as it is written: its status follows from it and from the others of its group. */
export const crdRules: Rules = {
  keepsStatus: true,
  prepareCreate: (crd, context) => {
    if (!isComplete(crd)) return crd;
    const { status: _status, ...fresh } = defaultCrd(crd);
    const finalizers = [...(fresh.metadata.finalizers ?? []), cleanup];
    return withStatus({ ...fresh, metadata: { ...fresh.metadata, finalizers } } as KubeObject, context);
  },
  prepareUpdate: (crd, _old, context) => (isComplete(crd) ? withStatus(defaultCrd(crd), context) : crd),
  validate: validateCrd,
};

/** What lacks a part that its schema requires is refused right after; until then nothing follows from it. */
function isComplete({ spec }: KubeObject): boolean {
  return isFields(spec) && isFields(spec["names"]) && Array.isArray(spec["versions"]);
}

/** What is not valid has no status: it is refused right after. */
function withStatus(crd: KubeObject, context: RuleContext): KubeObject {
  if (validateCrd(crd, undefined).length > 0) return crd;
  const others = context
    .objects(crds.group, crds.plural, "")
    .filter(({ metadata }) => metadata.name !== crd.metadata.name);
  const { group } = crdSpec(crd);
  return withCrdStatus(
    crd,
    others.flatMap((other) => takenBy(other, group)),
    context.now,
  );
}

function takenBy(crd: KubeObject, group: string): readonly TakenNames[] {
  const spec = crdSpec(crd);
  if (spec.group !== group || !isEstablished(crd)) return [];
  const { plural, singular = "", shortNames = [], kind, listKind = "" } = spec.names;
  return [{ plural, singular, shortNames, kind, listKind }];
}

const readOnly: readonly Verb[] = ["delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/** Keeps the registry as the definitions in the store say. */
export class CustomResources implements Disposable {
  readonly #context: ApiContext;
  readonly #stack = new DisposableStack();
  /** Definitions that wait for their objects to go. */
  readonly #emptying = new Map<string, Disposable>();

  constructor(context: ApiContext) {
    this.#context = context;
    const { store } = context;
    const prefix = prefixOf(crds, undefined);
    this.#stack.use(
      store.watch(prefix, store.revision, ({ type, current }) => this.#follow(current, type === "DELETED")),
    );
    for (const stored of store.list(prefix).items) this.#follow(stored, false);
  }

  [Symbol.dispose](): void {
    for (const watch of this.#emptying.values()) watch[Symbol.dispose]();
    this.#stack.dispose();
  }

  #follow({ key, object }: Stored, gone: boolean): void {
    const { group, names } = crdSpec(object);
    if (gone) {
      this.#context.registry.remove(group, names.plural);
      this.#emptying.get(key)?.[Symbol.dispose]();
      this.#emptying.delete(key);
      return;
    }
    if (!isEstablished(object)) return;
    const definition = crdDefinition(object);
    const goes = object.metadata.deletionTimestamp !== undefined;
    // Nothing new comes while the definition is on its way out.
    this.#context.registry.set(goes ? { ...definition, verbs: readOnly } : definition);
    if (goes && !this.#emptying.has(key)) this.#empty(key, definition);
  }

  /** Deletes all objects; those with finalizers are waited for. */
  #empty(key: string, definition: ResourceDefinition): void {
    const { store } = this.#context;
    const prefix = prefixOf(definition, undefined);
    // This runs inside of the write that deleted the definition: what follows from it is written after.
    const later = () => queueMicrotask(() => this.#finish(key, prefix));
    this.#emptying.set(
      key,
      store.watch(prefix, store.revision, ({ type }) => type === "DELETED" && later()),
    );
    queueMicrotask(() => {
      const options = {
        gracePeriodSeconds: 0,
        propagationPolicy: undefined,
        uid: undefined,
        resourceVersion: undefined,
      };
      for (const stored of store.list(prefix).items) {
        deleteStored(this.#context, definition, stored, { ...options, dryRun: false });
      }
      this.#finish(key, prefix);
    });
  }

  #finish(key: string, prefix: string): void {
    const { store, registry } = this.#context;
    const crd = store.get(key);
    if (crd === undefined || store.list(prefix, { limit: 1 }).items.length > 0) return;
    const definition = registry.get(crds.group, crds.plural);
    if (definition !== undefined)
      storeChange(this.#context, definition, crd, withoutFinalizer(crd.object, cleanup), false);
  }
}
