// The policies and namespaces of the cluster, followed at the API server.

import type { Following } from "#agent/following.ts";
import type { KubeClient } from "#kube/client.ts";
import type { ClusterNetworkPolicy, Namespace, NetworkPolicy } from "#kube/kinds.ts";
import { hasReason } from "#kube/kube-error.ts";
import { type Difference, Mirror } from "#kube/mirror.ts";
import type { Metadata } from "#kube/object.ts";
import type { Pace } from "#kube/reflect.ts";
import { clusterNetworkPolicies, namespaces, networkPolicies } from "#kube/resource.ts";
import { fromClusterNetworkPolicy } from "#model/policy/cluster-network-policy.ts";
import { keepsEstablished } from "#model/policy/keep.ts";
import { fromNetworkPolicy } from "#model/policy/network-policy.ts";
import type { Labels } from "#model/policy/party.ts";
import type { Policy } from "#model/policy/rule.ts";

/** `generation`: which form of the object it is. */
export type WatchedPolicy = { readonly policy: Policy; readonly keeps: boolean; readonly generation: number };

export type PolicyWatchOptions = {
  readonly client: KubeClient;
  readonly pace: Pace;
  readonly namespaceChanged: (name: string, labels: Labels | undefined) => void;
  /** `before` names what is gone or was different; a policy's origin does not change. */
  readonly policyChanged: (before: WatchedPolicy | undefined, after: WatchedPolicy | undefined) => void;
  readonly following: Following;
};

export class PolicyWatch implements Disposable {
  readonly #stack = new DisposableStack();
  /** Resolves when all has been seen once. */
  readonly synced: Promise<void>;

  constructor({ client, pace, namespaceChanged, policyChanged, following }: PolicyWatchOptions) {
    const shared = { client, pace };
    const changed = ({ before, after }: Difference<WatchedPolicy>) => policyChanged(before, after);
    const inNamespaces = this.#stack.use(
      new Mirror<Namespace, { readonly name: string; readonly labels: Labels }>({
        ...{ ...shared, ...following.of("namespaces") },
        resource: namespaces,
        transform: ({ metadata }) => ({ name: metadata.name, labels: metadata.labels ?? {} }),
        changed: ({ before, after }) => namespaceChanged((after ?? before)?.name ?? "", after?.labels),
      }),
    );
    const network = this.#stack.use(
      new Mirror<NetworkPolicy, WatchedPolicy>({
        ...{ ...shared, ...following.of("network policies") },
        resource: networkPolicies,
        transform: (policy) => ({ policy: fromNetworkPolicy(policy), ...formOf(policy) }),
        changed,
      }),
    );
    // Clusters may do without this kind.
    const absent = Promise.withResolvers<void>();
    let isAbsent = false;
    const told = following.of("cluster network policies");
    const cluster = this.#stack.use(
      new Mirror<ClusterNetworkPolicy, WatchedPolicy>({
        ...shared,
        resource: clusterNetworkPolicies,
        transform: (policy) => ({ policy: fromClusterNetworkPolicy(policy), ...formOf(policy) }),
        changed,
        failed: (error) => {
          if (hasReason(error, "NotFound")) {
            isAbsent = true;
            absent.resolve();
            told.followed();
            // It is asked for less and less often: of a server that is away the others tell, and sooner when it is back.
          } else if (!isAbsent) told.failed(error);
        },
        followed: () => {
          isAbsent = false;
          told.followed();
        },
      }),
    );
    const any = Promise.race([cluster.synced, absent.promise]);
    this.synced = Promise.all([inNamespaces.synced, network.synced, any]).then(() => undefined);
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

function formOf({ metadata }: { readonly metadata: Metadata }): Omit<WatchedPolicy, "policy"> {
  return { keeps: keepsEstablished(metadata), generation: metadata.generation ?? 0 };
}
