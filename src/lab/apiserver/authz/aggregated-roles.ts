// ClusterRoles whose rules are those of others, chosen by their labels: written anew when one of those changes.

import type { KubeObject } from "#kube/object.ts";
import { type LabelSelector, type LabelSelectorObject, matchesLabels, selectorOf } from "#kube/selector.ts";
import { prefixOf } from "#lab/apiserver/keys.ts";
import { equalJson } from "#lab/apiserver/schema/json.ts";
import type { Store } from "#lab/apiserver/store/store.ts";
import type { Stored } from "#lab/apiserver/store/stored.ts";
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
    const roles = this.#store
      .list(this.#prefix)
      .items.map((stored) => ({ stored, role: stored.object as ClusterRole }));
    for (const { stored, role } of roles) {
      const selectors = role.aggregationRule?.clusterRoleSelectors;
      if (selectors === undefined || role.metadata.deletionTimestamp !== undefined) continue;
      this.#write(
        stored,
        role,
        gather(
          role,
          selectors.map(selectorOf),
          roles.map(({ role: other }) => other),
        ),
      );
    }
  }

  #write(stored: Stored, role: ClusterRole, rules: readonly PolicyRule[]): void {
    // A role that aggregates others, which aggregate further ones, settles after as many rounds.
    if (!equalJson(rules, role.rules ?? [])) this.#store.update(stored.key, { ...role, rules }, stored.revision);
  }
}

/** The rules of all roles that one of the selectors chooses, each once, in the order of the roles' names. */
function gather(
  { metadata: { name } }: ClusterRole,
  selectors: readonly LabelSelector[],
  roles: readonly ClusterRole[],
): readonly PolicyRule[] {
  const rules = new Map<string, PolicyRule>();
  for (const { metadata, rules: own = [] } of roles) {
    if (metadata.name === name || !selectors.some((selector) => matchesLabels(selector, metadata.labels))) continue;
    for (const rule of own) rules.set(JSON.stringify(rule), rule);
  }
  return [...rules.values()];
}
