// Policies as people name them.

import { nearest } from "#base/nearest.ts";
import { UsageError } from "#cli/command.ts";
import type { KubeObject } from "#kube/object.ts";
import { choosesPod } from "#model/policy/match.ts";
import type { Origin, Policy } from "#model/policy/rule.ts";
import type { World } from "#model/policy/world.ts";

/** `shop/db`, or `db` for one of the cluster. */
export function policyName({ namespace, name }: Pick<Origin, "namespace" | "name">): string {
  return namespace === "" ? name : `${namespace}/${name}`;
}

/**
 * By `NAMESPACE/NAME`, or `NAME` for those of the cluster and of `namespace`, of any when there is none.
 * @throws UsageError with the nearest name
 */
export function findPolicies(
  policies: readonly Policy[],
  text: string,
  namespace: string | undefined,
): readonly Policy[] {
  const found = policies.filter(({ origin }) => {
    if (policyName(origin) === text) return true;
    return origin.name === text && (namespace === undefined || origin.namespace === namespace);
  });
  if (found.length > 0) return found;
  const asked = namespace === undefined || text.includes("/") ? text : `${namespace}/${text}`;
  const names = policies.map(({ origin }) => policyName(origin));
  const meant = names.find((name) => name.endsWith(`/${text}`)) ?? nearest(asked, names);
  throw new UsageError(`there is no policy ${asked}${meant === undefined ? "" : `; did you mean ${meant}?`}`);
}

/** A namespace that is not there would look like one in which all is well. @throws UsageError with the nearest name */
export function checkNamespaces({ namespaces }: World, asked: readonly string[]): void {
  const unknown = asked.find((each) => !namespaces.has(each));
  if (unknown === undefined) return;
  const meant = nearest(unknown, [...namespaces.keys()]);
  throw new UsageError(`there is no namespace ${unknown}${meant === undefined ? "" : `; did you mean ${meant}?`}`);
}

/** Whether a policy is one of the namespaces, or one of the cluster about their pods. Without namespaces all are. */
export function isAbout({ pods }: World, { origin, subject }: Policy, namespaces: readonly string[]): boolean {
  if (namespaces.length === 0 || namespaces.includes(origin.namespace)) return true;
  if (origin.namespace !== "") return false;
  return pods.some((pod) => namespaces.includes(pod.namespace) && choosesPod(subject, pod) === undefined);
}

/** Whether something stands in this object. */
export function isSameObject(origin: Origin, { kind, metadata }: KubeObject): boolean {
  const within = metadata.namespace ?? (origin.namespace === "" ? "" : "default");
  return origin.kind === kind && origin.name === metadata.name && origin.namespace === within;
}
