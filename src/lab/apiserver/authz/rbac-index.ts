// Roles and bindings by who they are for, kept as the store has them: a request looks at its own user's bindings only.

import type { KubeObject } from "#kube/object.ts";
import type { Store } from "#lab/apiserver/store/store.ts";
import type { Stored } from "#lab/apiserver/store/stored.ts";
import { type PolicyRule, policyRule } from "./policy-rule.ts";

export const rbacGroup = "rbac.authorization.k8s.io";

/** rbac.authorization.k8s.io/v1 Subject. */
export type Subject = {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly apiGroup?: string;
};

export type RoleRef = { readonly apiGroup: string; readonly kind: string; readonly name: string };

/** Where a role is looked for; `namespace` counts for a Role only. */
export type RolePlace = { readonly kind: string; readonly namespace: string; readonly name: string };

/** A binding as one of its subjects meets it. */
export type Grant = {
  readonly role: RolePlace;
  /** `ClusterRoleBinding "nodes" of ClusterRole "view" to Group "staff"`: why something is allowed. */
  readonly because: string;
};

type Binding = KubeObject & { readonly roleRef: RoleRef; readonly subjects?: readonly Subject[] };

/** Follows the store until disposed. */
export class RbacIndex implements Disposable {
  readonly #watch: Disposable;
  readonly #rules = new Map<string, readonly PolicyRule[]>();
  /** By subject and the namespace the grants are for ("" for all of them), then by the binding's key. */
  readonly #grants = new Map<string, Map<string, readonly Grant[]>>();
  /** Where a binding's grants are, to find them when it changes. */
  readonly #places = new Map<string, readonly string[]>();

  constructor(store: Store) {
    const prefix = `/${rbacGroup}/`;
    this.#watch = store.watch(prefix, store.revision, ({ type, current }) => this.#follow(current, type === "DELETED"));
    for (const stored of store.list(prefix).items) this.#follow(stored, false);
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }

  /** undefined: there is no such role. */
  rulesOf({ kind, namespace, name }: RolePlace): readonly PolicyRule[] | undefined {
    return this.#rules.get(kind === "Role" ? roleKey("roles", namespace, name) : roleKey("clusterroles", "", name));
  }

  /** What bindings of a namespace give a user or a group; those of the cluster for "". */
  grantsOf(kind: "User" | "Group", name: string, namespace: string): Iterable<Grant> {
    return flatten(this.#grants.get(placeOf(kind, name, namespace))?.values() ?? []);
  }

  #follow({ key, object }: Stored, gone: boolean): void {
    const [, , plural = "", namespace = "", name = ""] = key.split("/");
    if (plural === "roles" || plural === "clusterroles") {
      const rules = (object as KubeObject & { readonly rules?: readonly Partial<PolicyRule>[] }).rules ?? [];
      if (gone) this.#rules.delete(roleKey(plural, namespace, name));
      else this.#rules.set(roleKey(plural, namespace, name), rules.map(policyRule));
      return;
    }
    this.#forget(key);
    if (!gone) this.#remember(key, object as Binding, namespace);
  }

  #remember(key: string, binding: Binding, namespace: string): void {
    const places: string[] = [];
    for (const subject of binding.subjects ?? []) {
      const place = placeOf(...userOf(subject, namespace), namespace);
      const grants = this.#grants.get(place) ?? new Map<string, readonly Grant[]>();
      const grant = { role: { ...binding.roleRef, namespace }, because: describe(binding, subject) };
      grants.set(key, [...(grants.get(key) ?? []), grant]);
      this.#grants.set(place, grants);
      places.push(place);
    }
    this.#places.set(key, places);
  }

  #forget(key: string): void {
    for (const place of this.#places.get(key) ?? []) {
      const grants = this.#grants.get(place);
      grants?.delete(key);
      if (grants?.size === 0) this.#grants.delete(place);
    }
    this.#places.delete(key);
  }
}

function roleKey(plural: "roles" | "clusterroles", namespace: string, name: string): string {
  return `${plural}/${namespace}/${name}`;
}

/** Names of users may hold anything but a line break. */
function placeOf(kind: string, name: string, namespace: string): string {
  return `${kind}\n${name}\n${namespace}`;
}

/** Who a subject is to the server: a service account is a user of a certain name. */
function userOf({ kind, name, namespace }: Subject, own: string): [kind: string, name: string] {
  return kind === "ServiceAccount" ? ["User", `system:serviceaccount:${namespace ?? own}:${name}`] : [kind, name];
}

function describe({ kind, metadata, roleRef }: Binding, { kind: who, name, namespace }: Subject): string {
  const binding = metadata.namespace === undefined ? metadata.name : `${metadata.name}/${metadata.namespace}`;
  const subject = who === "ServiceAccount" ? `${name}/${namespace ?? metadata.namespace}` : name;
  return `${kind} "${binding}" of ${roleRef.kind} "${roleRef.name}" to ${who} "${subject}"`;
}

function* flatten<T>(lists: Iterable<readonly T[]>): Generator<T> {
  for (const list of lists) yield* list;
}
