// Who may do what, by the roles and bindings in the store.

import type { Pod } from "#kube/kinds.ts";
import type { Attributes, Authorizer, Decision, PathRule, ResourceRule } from "#lab/apiserver/authorizer.ts";
import { keyOf } from "#lab/apiserver/keys.ts";
import type { UserInfo } from "#lab/apiserver/request.ts";
import type { Store } from "#lab/apiserver/store/store.ts";
import { AggregatedRoles } from "./aggregated-roles.ts";
import { nodeMay, nodeOf, nodeRules } from "./node-rights.ts";
import { everything, type PolicyRule, ruleAllows } from "./policy-rule.ts";
import { type Grant, RbacIndex } from "./rbac-index.ts";

/** May do everything, whatever the roles say: the way back in for whoever locked himself out. */
const mastersGroup = "system:masters";

/**
 * Follows the store until disposed.
 *
 *     using authorizer = new Rbac(store);
 *     const server = new ApiServer({ store, registry, now, random, authorizer });
 */
export class Rbac implements Authorizer, Disposable {
  readonly #store: Store;
  readonly #index: RbacIndex;
  readonly #aggregated: AggregatedRoles;

  constructor(store: Store) {
    this.#store = store;
    this.#index = new RbacIndex(store);
    this.#aggregated = new AggregatedRoles(store);
  }

  [Symbol.dispose](): void {
    this.#aggregated[Symbol.dispose]();
    this.#index[Symbol.dispose]();
  }

  readonly decide = (attributes: Attributes): Decision => {
    const { user } = attributes;
    if (user.groups.includes(mastersGroup)) return { allowed: true, reason: "" };
    const node = nodeOf(user);
    if (node !== undefined && !("path" in attributes) && nodeMay(node, attributes, (...pod) => this.#podNode(...pod))) {
      return { allowed: true, reason: "" };
    }
    const missing = new Set<string>();
    for (const { role, because } of this.#grants(user, "path" in attributes ? "" : attributes.namespace)) {
      const rules = this.#index.rulesOf(role);
      if (rules === undefined)
        missing.add(`${role.kind.toLowerCase()}.rbac.authorization.k8s.io "${role.name}" not found`);
      else if (rules.some((rule) => ruleAllows(rule, attributes))) {
        return { allowed: true, reason: `RBAC: allowed by ${because}` };
      }
    }
    const [first, ...more] = missing;
    if (first === undefined) return { allowed: false, reason: "" };
    return { allowed: false, reason: `RBAC: ${more.length === 0 ? first : `[${[...missing].join(", ")}]`}` };
  };

  readonly rulesOf: Authorizer["rulesOf"] = (user, namespace) => {
    const rules = this.#rulesOf(user, namespace);
    return {
      resourceRules: rules.filter(({ resources }) => resources.length > 0).map(toResourceRule),
      nonResourceRules: rules.filter(({ nonResourceURLs }) => nonResourceURLs.length > 0).map(toPathRule),
    };
  };

  #rulesOf(user: UserInfo, namespace: string): readonly PolicyRule[] {
    const implied = user.groups.includes(mastersGroup) ? everything : nodeOf(user) === undefined ? [] : nodeRules;
    return [...implied, ...[...this.#grants(user, namespace)].flatMap(({ role }) => this.#index.rulesOf(role) ?? [])];
  }

  /** Of the user and its groups, for the cluster and for the namespace. */
  *#grants({ username, groups }: UserInfo, namespace: string): Generator<Grant> {
    for (const place of namespace === "" ? [""] : ["", namespace]) {
      yield* this.#index.grantsOf("User", username, place);
      for (const group of groups) yield* this.#index.grantsOf("Group", group, place);
    }
  }

  #podNode(namespace: string, name: string): string | undefined {
    const pod = this.#store.get(keyOf({ group: "", plural: "pods" }, namespace, name))?.object;
    return (pod as Pod | undefined)?.spec?.nodeName;
  }
}

function toResourceRule({ verbs, apiGroups, resources, resourceNames }: PolicyRule): ResourceRule {
  return { verbs, apiGroups, resources, ...(resourceNames.length === 0 ? {} : { resourceNames }) };
}

function toPathRule({ verbs, nonResourceURLs }: PolicyRule): PathRule {
  return { verbs, nonResourceURLs };
}
