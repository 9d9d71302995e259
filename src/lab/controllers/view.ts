// The cluster as controllers see it: mirrors of the kinds they work with, and the look-ups they share.

import type { KubeClient } from "#kube/client.ts";
import type * as kinds from "#kube/kinds.ts";
import { type Difference, Mirror } from "#kube/mirror.ts";
import type { Metadata } from "#kube/object.ts";
import type { Pace } from "#kube/reflect.ts";
import * as resources from "#kube/resource.ts";
import { isFree } from "./claims.ts";
import { controllerOf } from "./owner.ts";

const watched = {
  pods: resources.pods,
  nodes: resources.nodes,
  namespaces: resources.namespaces,
  services: resources.services,
  endpoints: resources.endpoints,
  endpointSlices: resources.endpointSlices,
  configMaps: resources.configMaps,
  serviceAccounts: resources.serviceAccounts,
  deployments: resources.deployments,
  replicaSets: resources.replicaSets,
  statefulSets: resources.statefulSets,
  daemonSets: resources.daemonSets,
  controllerRevisions: resources.controllerRevisions,
  jobs: resources.jobs,
  leases: resources.leases,
  podDisruptionBudgets: resources.podDisruptionBudgets,
} as const;

export type Kind = keyof typeof watched;

type Objects<T> = ReadonlyMap<string, T>;
type Something = { readonly metadata: Metadata };

/** All that plans may look at; maps are by `namespace/name`, or by name where there is no namespace. */
export type ClusterView = {
  readonly pods: Objects<kinds.Pod>;
  readonly nodes: Objects<kinds.Node>;
  readonly namespaces: Objects<kinds.Namespace>;
  readonly services: Objects<kinds.Service>;
  readonly endpoints: Objects<kinds.Endpoints>;
  readonly endpointSlices: Objects<kinds.EndpointSlice>;
  readonly configMaps: Objects<kinds.ConfigMap>;
  readonly serviceAccounts: Objects<kinds.ServiceAccount>;
  readonly deployments: Objects<kinds.Deployment>;
  readonly replicaSets: Objects<kinds.ReplicaSet>;
  readonly statefulSets: Objects<kinds.StatefulSet>;
  readonly daemonSets: Objects<kinds.DaemonSet>;
  readonly controllerRevisions: Objects<kinds.ControllerRevision>;
  readonly jobs: Objects<kinds.Job>;
  readonly leases: Objects<kinds.Lease>;
  readonly podDisruptionBudgets: Objects<kinds.PodDisruptionBudget>;
  /** What a controller made, by its uid. */
  readonly podsOf: (uid: string | undefined) => readonly kinds.Pod[];
  readonly replicaSetsOf: (uid: string | undefined) => readonly kinds.ReplicaSet[];
  /** What no controller has, by namespace. */
  readonly freePodsIn: (namespace: string | undefined) => readonly kinds.Pod[];
  readonly freeReplicaSetsIn: (namespace: string | undefined) => readonly kinds.ReplicaSet[];
  readonly podsIn: (namespace: string | undefined) => readonly kinds.Pod[];
  readonly slicesOf: (service: Pick<kinds.Service, "metadata">) => readonly kinds.EndpointSlice[];
};

/** Objects by a key of theirs, so that a look-up costs what it finds. */
class Index<T extends Something> {
  readonly #keyOf: (object: T) => string | undefined;
  readonly #objects = new Map<string, Map<string, T>>();

  constructor(keyOf: (object: T) => string | undefined) {
    this.#keyOf = keyOf;
  }

  change({ before, after }: Difference<T>): void {
    const [was, is] = [before, after].map((object) => (object === undefined ? undefined : this.#keyOf(object)));
    if (before !== undefined && was !== undefined) {
      const group = this.#objects.get(was);
      group?.delete(before.metadata.uid ?? "");
      if (group?.size === 0) this.#objects.delete(was);
    }
    if (after !== undefined && is !== undefined) {
      const group = this.#objects.get(is) ?? new Map<string, T>();
      this.#objects.set(is, group.set(after.metadata.uid ?? "", after));
    }
  }

  get(key: string | undefined): readonly T[] {
    return key === undefined ? [] : [...(this.#objects.get(key)?.values() ?? [])];
  }
}

function freeIn(object: Something): string | undefined {
  return isFree(object) ? object.metadata.namespace : undefined;
}

const serviceLabel = "kubernetes.io/service-name";

export type Changed = (kind: Kind, difference: Difference<Something>) => void;

/** Mirrors of everything, with their indexes. */
export class LiveView implements Disposable {
  readonly #mirrors: { readonly [K in Kind]: Mirror<never> };
  readonly #podsOf = new Index<kinds.Pod>((pod) => controllerOf(pod)?.uid);
  readonly #podsIn = new Index<kinds.Pod>(({ metadata }) => metadata.namespace);
  readonly #replicaSetsOf = new Index<kinds.ReplicaSet>((set) => controllerOf(set)?.uid);
  readonly #freePodsIn = new Index<kinds.Pod>(freeIn);
  readonly #freeReplicaSetsIn = new Index<kinds.ReplicaSet>(freeIn);
  readonly #slicesOf = new Index<kinds.EndpointSlice>(({ metadata }) => {
    const service = metadata.labels?.[serviceLabel];
    return service === undefined ? undefined : `${metadata.namespace}/${service}`;
  });
  readonly view: ClusterView;

  constructor(client: KubeClient, pace: Pace, changed: Changed, failed: (kind: Kind, error: unknown) => void) {
    const mirrorOf = (kind: Kind): Mirror<never> =>
      new Mirror<never>({
        client,
        resource: watched[kind] as resources.Resource<never>,
        pace,
        changed: (difference) => {
          this.#indexChange(kind, difference);
          changed(kind, difference);
        },
        failed: (error) => failed(kind, error),
      });
    const kindsOfView = Object.keys(watched) as Kind[];
    const mirrors = Object.fromEntries(kindsOfView.map((kind) => [kind, mirrorOf(kind)]));
    this.#mirrors = mirrors as { readonly [K in Kind]: Mirror<never> };
    this.view = {
      ...(Object.fromEntries(kindsOfView.map((kind) => [kind, this.#mirrors[kind].objects])) as unknown as ClusterView),
      podsOf: (uid) => this.#podsOf.get(uid),
      freePodsIn: (namespace) => this.#freePodsIn.get(namespace),
      freeReplicaSetsIn: (namespace) => this.#freeReplicaSetsIn.get(namespace),
      podsIn: (namespace) => this.#podsIn.get(namespace),
      replicaSetsOf: (uid) => this.#replicaSetsOf.get(uid),
      slicesOf: ({ metadata }) => this.#slicesOf.get(`${metadata.namespace}/${metadata.name}`),
    };
  }

  /** Resolves when all first lists are in. */
  async synced(): Promise<void> {
    await Promise.all(Object.values(this.#mirrors).map((mirror) => mirror.synced));
  }

  /** The highest revision seen of a kind, by the name of its resource; undefined for a kind that is not watched. */
  revisionOf(plural: string): number | undefined {
    return this.#mirrorOf(plural)?.revision;
  }

  /** An object by the name of its resource and its own; undefined also for a kind that is not watched. */
  objectOf(plural: string, name: string): Something | undefined {
    return this.#mirrorOf(plural)?.objects.get(name);
  }

  #mirrorOf(plural: string): Mirror<Something & never> | undefined {
    const kind = (Object.keys(watched) as Kind[]).find((candidate) => watched[candidate].plural === plural);
    return kind === undefined ? undefined : this.#mirrors[kind];
  }

  [Symbol.dispose](): void {
    for (const mirror of Object.values(this.#mirrors)) mirror[Symbol.dispose]();
  }

  #indexChange(kind: Kind, difference: Difference<never>): void {
    if (kind === "pods") {
      this.#podsOf.change(difference);
      this.#podsIn.change(difference);
      this.#freePodsIn.change(difference);
    } else if (kind === "replicaSets") {
      this.#replicaSetsOf.change(difference);
      this.#freeReplicaSetsIn.change(difference);
    } else if (kind === "endpointSlices") this.#slicesOf.change(difference);
  }
}
