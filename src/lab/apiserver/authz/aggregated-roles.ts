// ClusterRoles whose rules are those of others, chosen by their labels: written anew when one of those changes.

import type { KubeObject } from "#kube/object.ts";
import { type LabelSelectorObject, matchesLabels, selectorOf } from "#kube/selector.ts";
import { prefixOf } from "#lab/apiserver/keys.ts";
import { equalJson } from "#lab/apiserver/schema/json.ts";
import type { Store } from "#lab/apiserver/store/store.ts";
import type { PolicyRule } from "./policy-rule.ts";
import { rbacGroup } from "./rbac-index.ts";

type ClusterRole = KubeObject & {
  readonly rules?: readonly PolicyRule[];
  readonly aggregationRule?: { readonly clusterRoleSelectors?: readonly LabelSelectorObject[] };
};

/** Does until disposed what Kubernetes has a controller for; here it is done before the next request is looked at. */
export class AggregatedRoles implements Disposable {
  readonly #store: Store;
  readonly #prefix = prefixOf({ group: rbacGroup, plural: "clusterroles" }, undefined);
  readonly #watch: Disposable;
  #due = false;

  constructor(store: Store) {
    this.#store = store;
    this.#watch = store.watch(this.#prefix, store.revision, () => this.#later());
    this.#later();
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
    this.#due = false;
  }

  /** A change is told inside of its write: what follows from it is written after. */
  #later(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => this.#update());
  }

  #update(): void {
    if (!this.#due) return;
    this.#due = false;
    const all = this.#store.list(this.#prefix).items;
    const roles = all.map(({ object }) => object as ClusterRole);
    for (const stored of all) {
      const role = stored.object as ClusterRole;
      if (!isAggregated(role) || role.metadata.deletionTimestamp !== undefined) continue;
      const rules = gather(role, roles);
      if (!equalJson(rules, role.rules ?? [])) this.#store.update(stored.key, { ...role, rules }, stored.revision);
    }
  }
}

function isAggregated({ aggregationRule }: ClusterRole): boolean {
  return aggregationRule !== undefined;
}

/** The rules of all plain roles that a role reaches, each once, in the order of the roles' names. */
function gather(role: ClusterRole, roles: readonly ClusterRole[]): readonly PolicyRule[] {
  const reached = new Set<ClusterRole>([role]);
  // What is added while this runs is looked at as well. Only plain roles count: two that aggregate each other would never settle.
  for (const { aggregationRule } of reached) {
    const selectors = (aggregationRule?.clusterRoleSelectors ?? []).map(selectorOf);
    for (const other of roles) {
      if (selectors.some((selector) => matchesLabels(selector, other.metadata.labels))) reached.add(other);
    }
  }
  const plain = roles.filter((other) => reached.has(other) && !isAggregated(other));
  const rules = plain.flatMap((other) => other.rules ?? []);
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}
