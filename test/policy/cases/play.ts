// A case played without a cluster: what the API would hold after each step.

import type { OracleCluster, OraclePod } from "#test/policy/oracle-objects.ts";
import {
  type AddressOf,
  type Case,
  containerPorts,
  initialNamespaceLabels,
  initialPodLabels,
  pods,
  type Step,
  type Table,
} from "./case.ts";

type ApiObject = Extract<NonNullable<Step["make"]>, readonly unknown[]>[number];

/** What there is after a step, and who then reaches whom. */
export type Scene = { readonly cluster: OracleCluster; readonly expect: Table };

/** Every step of a case. Each pod has an address of each family; `v6` says of which family blocks are. */
export function play({ steps }: Case, v6: boolean): readonly Scene[] {
  const addressOf: AddressOf = (pod) => addressesOf(pod)[v6 ? 1 : 0] ?? "";
  const policies = new Map<string, ApiObject>();
  let podLabels = initialPodLabels;
  let namespaceLabels = initialNamespaceLabels;
  return steps.map((step) => {
    const made = typeof step.make === "function" ? step.make(addressOf) : (step.make ?? []);
    for (const object of made) policies.set(nameOf(object), object);
    for (const name of step.remove ?? []) {
      if (!policies.delete(name)) throw new RangeError(`there is no policy ${name} to remove`);
    }
    podLabels = { ...podLabels, ...step.podLabels };
    namespaceLabels = { ...namespaceLabels, ...step.namespaceLabels };
    const objects = [...policies.values()] as readonly unknown[];
    const cluster: OracleCluster = {
      namespaces: Object.fromEntries(
        Object.entries(namespaceLabels).map(([name, labels]) => [
          name,
          { "kubernetes.io/metadata.name": name, ...labels },
        ]),
      ),
      nodes: [],
      pods: pods.map((name) => podOf(name, podLabels[name] ?? {})),
      services: [],
      policies: objects.filter((object) => kindOf(object) === "NetworkPolicy") as OracleCluster["policies"],
      clusterPolicies: objects.filter(
        (object) => kindOf(object) === "ClusterNetworkPolicy",
      ) as OracleCluster["clusterPolicies"],
    };
    return { cluster, expect: step.expect };
  });
}

function nameOf({ metadata: { namespace, name } }: ApiObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function kindOf(object: unknown): string {
  return (object as ApiObject).kind;
}

function addressesOf(pod: string): readonly [v4: string, v6: string] {
  const number = pods.indexOf(pod) + 1;
  return [`10.244.0.${number}`, `fd00:10:244::${number}`];
}

function podOf(pod: string, labels: OraclePod["labels"]): OraclePod {
  const [namespace = "", name = ""] = pod.split("/");
  return { namespace, name, labels, ips: addressesOf(pod), node: "node1", ports: containerPorts };
}
