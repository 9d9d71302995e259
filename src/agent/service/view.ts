// The cluster's services and their endpoints, followed at the API server: of each as little as is needed of it.

import { Following } from "#agent/following.ts";
import type { KubeClient } from "#kube/client.ts";
import type { EndpointSlice, Service } from "#kube/kinds.ts";
import { type Difference, Mirror } from "#kube/mirror.ts";
import { objectName } from "#kube/object.ts";
import type { Pace } from "#kube/reflect.ts";
import { endpointSlices, services } from "#kube/resource.ts";
import { type PackedSlice, packSlice, unpackSlice } from "#model/service/packed-slice.ts";
import { type ServiceModel, toServiceModel } from "#model/service/service.ts";
import { type SliceModel, serviceNameLabel, toSliceModel } from "#model/service/slice.ts";

export type ServiceViewOptions = {
  readonly client: KubeClient;
  readonly pace: Pace;
  /** Told the name of every service that changes, or whose endpoints do. */
  readonly changed: (service: string) => void;
  readonly log: (line: string) => void;
};

/** A mirror tells what is gone from what was never there: the model itself may be undefined. */
type ServiceRow = { readonly name: string; readonly model: ServiceModel | undefined };
type SliceRow = { readonly packed: PackedSlice | undefined };

/** Names that are remembered, so that each is in memory once. */
const maxTexts = 65_536;

export class ServiceView implements Disposable {
  readonly #services: Mirror<Service, ServiceRow>;
  readonly #slices: Mirror<EndpointSlice, SliceRow>;
  /** By service. */
  readonly #slicesOf = new Map<string, readonly PackedSlice[]>();
  readonly #changed: (service: string) => void;
  readonly #client: KubeClient;
  readonly #texts = new Map<string, string>();
  readonly #following: Following;
  /** Resolves when all has been seen once. */
  readonly synced: Promise<void>;

  constructor({ client, pace, changed, log }: ServiceViewOptions) {
    this.#changed = changed;
    this.#client = client;
    this.#following = new Following(log);
    const shared = { client, pace };
    this.#services = new Mirror<Service, ServiceRow>({
      ...shared,
      ...this.#following.of("services"),
      resource: services,
      transform: (service) => ({ name: this.#intern(objectName(service)), model: toServiceModel(service) }),
      changed: ({ before, after }) => changed((after ?? before)?.name ?? ""),
    });
    this.#slices = new Mirror<EndpointSlice, SliceRow>({
      ...shared,
      ...this.#following.of("endpoints of services"),
      resource: endpointSlices,
      transform: (slice) => ({ packed: this.#pack(toSliceModel(slice)) }),
      changed: (difference) => this.#sliceChanged(difference),
    });
    this.synced = Promise.all([this.#services.synced, this.#slices.synced]).then(() => undefined);
  }

  [Symbol.dispose](): void {
    this.#services[Symbol.dispose]();
    this.#slices[Symbol.dispose]();
  }

  /** Why services or endpoints are not followed, a sentence each: what was known of them holds meanwhile. */
  get problems(): readonly string[] {
    return this.#following.problems;
  }

  /** Names of all services, also of those that have no address: `shop/web`. */
  get names(): Iterable<string> {
    return this.#services.objects.keys();
  }

  /** Undefined for one that is not there, or that nobody reaches by an address of its own. */
  service(name: string): ServiceModel | undefined {
    return this.#services.objects.get(name)?.model;
  }

  /** Of a service that may be gone already. */
  slicesOf(name: string): readonly SliceModel[] {
    return this.#slicesOf.get(name)?.map(unpackSlice) ?? [];
  }

  #pack(model: SliceModel | undefined): PackedSlice | undefined {
    return model === undefined ? undefined : packSlice(model, (text) => this.#intern(text));
  }

  /** Services that have addresses of balancers. */
  get balanced(): readonly { readonly service: ServiceModel; readonly slices: readonly SliceModel[] }[] {
    return [...this.names].flatMap((name) => {
      const service = this.service(name);
      return service === undefined || service.balancerAddresses.length === 0
        ? []
        : [{ service, slices: this.slicesOf(name) }];
    });
  }

  /** The slices of a service as the API server has them now, with all that is not kept of them. @throws KubeError */
  async readSlices(name: string): Promise<readonly EndpointSlice[]> {
    const [namespace = "", own = ""] = name.split("/");
    const labelSelector = `${serviceNameLabel}=${own}`;
    return (await this.#client.listAll(endpointSlices, { namespace, labelSelector })).items;
  }

  /** Names of services and nodes: few, and they come again. */
  #intern(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size >= maxTexts) this.#texts.clear();
    this.#texts.set(text, text);
    return text;
  }

  #sliceChanged({ before, after }: Difference<SliceRow>): void {
    const [old, fresh] = [before?.packed, after?.packed];
    if (old !== undefined) this.#replace(old.service, (slices) => slices.filter((slice) => slice !== old));
    if (fresh !== undefined) this.#replace(fresh.service, (slices) => [...slices, fresh]);
    for (const name of new Set([old?.service, fresh?.service])) if (name !== undefined) this.#changed(name);
  }

  #replace(service: string, change: (slices: readonly PackedSlice[]) => readonly PackedSlice[]): void {
    const after = change(this.#slicesOf.get(service) ?? []);
    if (after.length === 0) this.#slicesOf.delete(service);
    else this.#slicesOf.set(service, after);
  }
}
