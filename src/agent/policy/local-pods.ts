// Interfaces of this node's pods, and which policy set the packet path has for each.

import { addressesOf, type Endpoint, endpointKey } from "#agent/state/endpoint.ts";
import type { EndpointPolicy } from "#datapath/datapath.ts";
import { policySet } from "#datapath/policy-format.ts";
import { hasUid, type PodModel } from "#model/pod.ts";
import type { PodEntry } from "#model/policy/resolve/population.ts";

const closed: EndpointPolicy = { policySet: policySet.closed, keepsConnections: false };
const open: EndpointPolicy = { policySet: policySet.open, keepsConnections: false };

export class LocalPods {
  readonly #carry: (endpoint: Endpoint) => void;
  /** Of the whole cluster. */
  readonly #models = new Map<string, PodModel>();
  /** By pod and `endpointKey`. */
  readonly #endpoints = new Map<string, Map<string, Endpoint>>();
  /** By `endpointKey`. */
  readonly #given = new Map<string, EndpointPolicy>();

  /** `carry` tells the packet path of an endpoint once more, with what `policyOf` says. */
  constructor(carry: (endpoint: Endpoint) => void) {
    this.#carry = carry;
  }

  get keys(): Iterable<string> {
    return this.#endpoints.keys();
  }

  /** All of the cluster, as the API server says. */
  get models(): Iterable<PodModel> {
    return this.#models.values();
  }

  /** What the API server says of a pod; undefined: it is gone. */
  setModel(key: string, model: PodModel | undefined): void {
    if (model === undefined) this.#models.delete(key);
    else this.#models.set(key, model);
  }

  /** `before`: what the packet path knew of it already. */
  add(endpoint: Endpoint, before: EndpointPolicy | undefined): void {
    const { pod } = endpoint;
    const key = endpointKey(endpoint);
    const first = pod === undefined ? open : closed;
    this.#given.set(key, this.#given.get(key) ?? before ?? first);
    if (pod !== undefined) this.#endpoints.getOrInsertComputed(podKey(pod), () => new Map()).set(key, endpoint);
  }

  remove(endpoint: Endpoint): void {
    const key = endpointKey(endpoint);
    this.#given.delete(key);
    if (endpoint.pod === undefined) return;
    const pod = podKey(endpoint.pod);
    const endpoints = this.#endpoints.get(pod);
    endpoints?.delete(key);
    if (endpoints?.size === 0) this.#endpoints.delete(pod);
  }

  /** What the packet path is to be told of an endpoint. */
  policyOf(endpoint: Endpoint): EndpointPolicy {
    return this.#given.get(endpointKey(endpoint)) ?? (endpoint.pod === undefined ? open : closed);
  }

  /** Whether the API server has told of the very pod that an endpoint belongs to. */
  isKnown({ pod }: Endpoint): boolean {
    const model = pod === undefined ? undefined : this.#models.get(podKey(pod));
    return pod !== undefined && model !== undefined && hasUid(model, pod.uid);
  }

  /** All of a pod's name, also of an earlier pod of the same name. */
  all(key: string): Iterable<Endpoint> {
    return this.#endpoints.get(key)?.values() ?? [];
  }

  /** As policies see a pod: the agent knows the addresses of its own before the API server does. */
  entryOf(key: string): PodEntry | undefined {
    const model = this.#models.get(key);
    if (model === undefined || model.isApart) return undefined;
    const { namespace, name, labels, addresses, ports, createdMs } = model;
    const own = this.#known(key);
    const all = own.length === 0 ? addresses : [...new Set([...own.flatMap(addressesOf), ...addresses])];
    return { namespace, name, labels, addresses: all, ports, createdMs, isLocal: own.length > 0 };
  }

  /** What a pod has, of several interfaces the one that is closed; undefined: it has none here. */
  given(key: string): EndpointPolicy | undefined {
    const all = this.#known(key).map((endpoint) => this.#given.get(endpointKey(endpoint)) ?? closed);
    return all.find((each) => each.policySet === policySet.closed) ?? all[0];
  }

  /** Sets that some interface has. */
  givenSets(): ReadonlySet<number> {
    return new Set([...this.#given.values()].map((each) => each.policySet));
  }

  /** @throws KernelError */
  give(key: string, given: EndpointPolicy): void {
    for (const endpoint of this.#known(key)) this.#giveOne(endpoint, given);
  }

  /** Opens interfaces that are still closed, of pods that the API server does not know, where no policy could be about them. */
  openUnknown(couldSelect: (namespace: string) => boolean): void {
    for (const endpoints of this.#endpoints.values()) {
      for (const endpoint of endpoints.values()) {
        const isClosed = this.#given.get(endpointKey(endpoint))?.policySet === policySet.closed;
        if (!isClosed || this.isKnown(endpoint) || couldSelect(endpoint.pod?.namespace ?? "")) continue;
        this.#giveOne(endpoint, open);
      }
    }
  }

  #giveOne(endpoint: Endpoint, given: EndpointPolicy): void {
    const key = endpointKey(endpoint);
    const before = this.#given.get(key);
    this.#given.set(key, given);
    try {
      this.#carry(endpoint);
    } catch (error) {
      if (before !== undefined) this.#given.set(key, before);
      throw error;
    }
  }

  /** Of the pod that is known by this name now: an earlier one of the same name keeps what it has. */
  #known(key: string): readonly Endpoint[] {
    const endpoints = this.#endpoints.get(key);
    return endpoints === undefined ? [] : [...endpoints.values()].filter((endpoint) => this.isKnown(endpoint));
  }
}

/** `shop/db-0` */
export function podKey({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}
