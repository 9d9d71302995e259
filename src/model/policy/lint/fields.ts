// Fields that there are not: an API server drops them, and a rule whose `from` is misspelt is about everybody.

import { nearest } from "#base/nearest.ts";
import type { KubeObject } from "#kube/object.ts";
import { networkTier } from "#model/policy/rule.ts";
import type { Subject, Warning } from "./warning.ts";

/** What an object may have inside, by field; `items` for what a list is of, and text for a value of any kind. */
type Shape = { readonly [field: string]: Shape | "any" } & { readonly items?: Shape };

const selector: Shape = {
  matchLabels: "any",
  matchExpressions: { items: { key: "any", operator: "any", values: "any" } },
};
const networkPeer: Shape = {
  podSelector: selector,
  namespaceSelector: selector,
  ipBlock: { cidr: "any", except: "any" },
};
const networkPorts: Shape = { items: { protocol: "any", port: "any", endPort: "any" } };
const networkPolicy: Shape = {
  podSelector: selector,
  policyTypes: "any",
  ingress: { items: { from: { items: networkPeer }, ports: networkPorts } },
  egress: { items: { to: { items: networkPeer }, ports: networkPorts } },
};

const pods: Shape = { namespaceSelector: selector, podSelector: selector };
const transport: Shape = { destinationPort: { number: "any", range: { start: "any", end: "any" } } };
const protocols: Shape = {
  items: { tcp: transport, udp: transport, sctp: transport, destinationNamedPort: "any" },
};
const rule: Shape = { name: "any", action: "any", protocols };
const clusterNetworkPolicy: Shape = {
  tier: "any",
  priority: "any",
  subject: { namespaces: selector, pods },
  ingress: { items: { ...rule, from: { items: { namespaces: selector, pods } } } },
  egress: {
    items: {
      ...rule,
      to: { items: { namespaces: selector, pods, nodes: selector, networks: "any", domainNames: "any" } },
    },
  },
};

export function lintFields({ policy: { origin, tier }, written }: Subject): readonly Warning[] {
  const shape = tier === networkTier ? networkPolicy : clusterNetworkPolicy;
  return unknownFields(specOf(written), shape, "spec").map(({ path, meant }) => ({
    rule: "unknown-field",
    origin: { ...origin, path },
    message: `there is no such field, so it says nothing${meant === undefined ? "" : `; is ${meant} meant?`}`,
  }));
}

function specOf(object: KubeObject): unknown {
  return object["spec"];
}

type Unknown = { readonly path: string; readonly meant: string | undefined };

function unknownFields(value: unknown, shape: Shape | "any", path: string): readonly Unknown[] {
  if (shape === "any" || typeof value !== "object" || value === null) return [];
  const { items } = shape;
  if (Array.isArray(value))
    return items === undefined ? [] : value.flatMap((item, index) => unknownFields(item, items, `${path}[${index}]`));
  if (items !== undefined) return [];
  return Object.entries(value).flatMap(([field, inner]): readonly Unknown[] => {
    const known = Object.hasOwn(shape, field) ? shape[field] : undefined;
    const at = `${path}.${field}`;
    return known === undefined
      ? [{ path: at, meant: nearest(field, Object.keys(shape)) }]
      : unknownFields(inner, known, at);
  });
}
