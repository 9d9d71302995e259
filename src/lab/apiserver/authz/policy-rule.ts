// One rule of a role: what it allows, what it covers of another, and how messages show it (Kubernetes documentation, "Using RBAC Authorization").

import type { Attributes } from "#lab/apiserver/authorizer.ts";

/** rbac.authorization.k8s.io/v1 PolicyRule, with empty lists for what is not said. */
export type PolicyRule = {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  /** Empty: all of them. */
  readonly resourceNames: readonly string[];
  readonly nonResourceURLs: readonly string[];
};

/** A rule as its object carries it. */
export function policyRule(rule: Partial<PolicyRule>): PolicyRule {
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  return { verbs, apiGroups, resources, resourceNames, nonResourceURLs };
}

/** What the role "cluster-admin" allows. */
export const everything: readonly PolicyRule[] = [
  policyRule({ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }),
  policyRule({ nonResourceURLs: ["*"], verbs: ["*"] }),
];

export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!includes(rule.verbs, attributes.verb)) return false;
  if ("path" in attributes) return rule.nonResourceURLs.some((pattern) => matchesUrl(pattern, attributes.path));
  const { group, resource, subresource, name } = attributes;
  const named = rule.resourceNames.length === 0 || rule.resourceNames.includes(name);
  const full = subresource === "" ? resource : `${resource}/${subresource}`;
  return named && includes(rule.apiGroups, group) && includesResource(rule.resources, full);
}

/** The parts of `wanted` that none of `held` allows; each of one verb and one thing. */
export function missingRules(wanted: readonly PolicyRule[], held: readonly PolicyRule[]): readonly PolicyRule[] {
  return wanted.flatMap(singleRules).filter((single) => !held.some((rule) => covers(rule, single)));
}

/** `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`, as the API server's messages show rules. */
export function formatRule(rule: PolicyRule): string {
  const fields = [
    ["APIGroups", rule.apiGroups],
    ["Resources", rule.resources],
    ["NonResourceURLs", rule.nonResourceURLs],
    ["ResourceNames", rule.resourceNames],
    ["Verbs", rule.verbs],
  ] as const;
  const said = fields.filter(([, values]) => values.length > 0);
  return `{${said.map(([name, values]) => `${name}:${formatList(values)}`).join(", ")}}`;
}

/** `["a" "b"]`, as Go prints lists of texts. */
export function formatList(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(" ")}]`;
}

/** Rules of one thing become one rule with all their verbs. */
export function compactRules(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  const byThing = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const thing = JSON.stringify([rule.apiGroups, rule.resources, rule.resourceNames, rule.nonResourceURLs]);
    const verbs = new Set([...(byThing.get(thing)?.verbs ?? []), ...rule.verbs]);
    byThing.set(thing, { ...rule, verbs: [...verbs] });
  }
  return [...byThing.values()];
}

function singleRules(rule: PolicyRule): readonly PolicyRule[] {
  const { verbs, apiGroups, resources, resourceNames, nonResourceURLs } = rule;
  const ofResources = verbs.flatMap((verb) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) => {
        const single = policyRule({ verbs: [verb], apiGroups: [group], resources: [resource] });
        if (resourceNames.length === 0) return [single];
        return resourceNames.map((name) => ({ ...single, resourceNames: [name] }));
      }),
    ),
  );
  const ofPaths = verbs.flatMap((verb) =>
    nonResourceURLs.map((url) => policyRule({ verbs: [verb], nonResourceURLs: [url] })),
  );
  return [...ofResources, ...ofPaths];
}

/** Whether a rule allows all that a rule of one verb and one thing does. */
function covers(rule: PolicyRule, single: PolicyRule): boolean {
  const names = rule.resourceNames;
  return (
    single.verbs.every((verb) => includes(rule.verbs, verb)) &&
    single.apiGroups.every((group) => includes(rule.apiGroups, group)) &&
    single.resources.every((resource) => includesResource(rule.resources, resource)) &&
    single.nonResourceURLs.every((url) => rule.nonResourceURLs.some((pattern) => matchesUrl(pattern, url))) &&
    (names.length === 0 ||
      (single.resourceNames.length > 0 && single.resourceNames.every((name) => names.includes(name))))
  );
}

function includes(values: readonly string[], value: string): boolean {
  return values.includes("*") || values.includes(value);
}

/** `pods/log` is meant by itself, by any resource's `log` and by `*`. */
function includesResource(resources: readonly string[], full: string): boolean {
  const slash = full.indexOf("/");
  return includes(resources, full) || (slash >= 0 && resources.includes(`*${full.slice(slash)}`));
}

function matchesUrl(pattern: string, path: string): boolean {
  return pattern.endsWith("*") ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}
