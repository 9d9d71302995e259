// Services, their endpoints and namespaces as cluster DNS sees them, and the service proxy of a node.

import type { KubeClient } from "#kube/client.ts";
import type { EndpointSlice, Namespace, Service } from "#kube/kinds.ts";
import { type Difference, Mirror } from "#kube/mirror.ts";
import { objectName } from "#kube/object.ts";
import type { Pace } from "#kube/reflect.ts";
import { endpointSlices, namespaces, services } from "#kube/resource.ts";
import { serviceNameLabel } from "#model/service/slice.ts";

export type ClusterViewOptions = {
  readonly client: KubeClient;
  readonly pace: Pace;
  /** Told of every round that failed; it is tried again anyhow. */
  readonly failed: (error: unknown) => void;
};

/** Names of services are `NAMESPACE/NAME`. */
export class ClusterView implements Disposable {
  readonly #services: Mirror<Service>;
  readonly #slices: Mirror<EndpointSlice>;
  readonly #namespaces: Mirror<Namespace>;
  readonly #slicesOf = new Index<EndpointSlice>();
  readonly #servicesAt = new Index<Service>();
  readonly #slicesAt = new Index<EndpointSlice>();
  readonly #listeners = new Set<(service: string) => void>();
  /** Resolves when all of it has been seen once. */
  readonly synced: Promise<void>;

  constructor({ client, pace, failed }: ClusterViewOptions) {
    const shared = { client, pace, failed };
    this.#services = new Mirror({ ...shared, resource: services, changed: (change) => this.#serviceChanged(change) });
    this.#slices = new Mirror({ ...shared, resource: endpointSlices, changed: (change) => this.#sliceChanged(change) });
    this.#namespaces = new Mirror({ ...shared, resource: namespaces });
    const all = [this.#services.synced, this.#slices.synced, this.#namespaces.synced];
    this.synced = Promise.all(all).then(() => undefined);
  }

  [Symbol.dispose](): void {
    for (const mirror of [this.#services, this.#slices, this.#namespaces]) mirror[Symbol.dispose]();
  }

  /** Names of all services. */
  get services(): Iterable<string> {
    return this.#services.objects.keys();
  }

  get serviceObjects(): Iterable<Service> {
    return this.#services.objects.values();
  }

  service(name: string): Service | undefined {
    return this.#services.objects.get(name);
  }

  slicesOf(service: string): readonly EndpointSlice[] {
    return this.#slicesOf.at(service);
  }

  hasNamespace(name: string): boolean {
    return this.#namespaces.objects.has(name);
  }

  /** Services with that address of their own, or with an endpoint of that address. */
  servicesAt(address: string): readonly Service[] {
    const behind = this.#slicesAt.at(address).map((slice) => this.#services.objects.get(serviceOf(slice)));
    return [...new Set([...this.#servicesAt.at(address), ...behind.filter((service) => service !== undefined)])];
  }

  /** Tells the name of every service that changes, or whose endpoints do, until the result is called. */
  subscribe(listener: (service: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #serviceChanged({ before, after }: Difference<Service>): void {
    this.#servicesAt.replace(before, ownAddresses(before), after, ownAddresses(after));
    this.#tell([before, after].flatMap((service) => (service === undefined ? [] : [objectName(service)])));
  }

  #sliceChanged({ before, after }: Difference<EndpointSlice>): void {
    const names = (slice: EndpointSlice | undefined) => (slice === undefined ? [] : [serviceOf(slice)]);
    this.#slicesOf.replace(before, names(before), after, names(after));
    this.#slicesAt.replace(before, endpointAddresses(before), after, endpointAddresses(after));
    this.#tell([...names(before), ...names(after)]);
  }

  #tell(names: readonly string[]): void {
    for (const name of new Set(names)) for (const listener of this.#listeners) listener(name);
  }
}

/** Objects by keys that each of them may have several of. */
class Index<T> {
  readonly #byKey = new Map<string, Set<T>>();

  at(key: string): readonly T[] {
    return [...(this.#byKey.get(key) ?? [])];
  }

  replace(before: T | undefined, oldKeys: readonly string[], after: T | undefined, newKeys: readonly string[]): void {
    for (const key of before === undefined ? [] : oldKeys) {
      const found = this.#byKey.get(key);
      if (before !== undefined) found?.delete(before);
      if (found?.size === 0) this.#byKey.delete(key);
    }
    for (const key of newKeys) {
      const found = this.#byKey.get(key) ?? new Set<T>();
      if (after !== undefined) found.add(after);
      this.#byKey.set(key, found);
    }
  }
}

function serviceOf({ metadata }: EndpointSlice): string {
  return `${metadata.namespace}/${metadata.labels?.[serviceNameLabel] ?? ""}`;
}

function ownAddresses(service: Service | undefined): readonly string[] {
  return service?.spec?.clusterIPs ?? [];
}

function endpointAddresses(slice: EndpointSlice | undefined): readonly string[] {
  return slice?.endpoints.flatMap(({ addresses }) => addresses) ?? [];
}
