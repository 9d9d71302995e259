// Runs garbage collection and the end of namespaces over the census.

import { messageOf } from "#base/error-message.ts";
import type { KubeClient } from "#kube/client.ts";
import { resourceOfKind } from "#kube/discovery.ts";
import { hasReason } from "#kube/kube-error.ts";
import type { KubeObject, OwnerReference } from "#kube/object.ts";
import type { Pace } from "#kube/reflect.ts";
import { namespaces } from "#kube/resource.ts";
import { CensusTaker, type Entry } from "./census.ts";
import { type Collection, planObject, touchedBy } from "./garbage.ts";
import { planNamespace } from "./namespace.ts";

export type CollectorOptions = {
  readonly client: KubeClient;
  readonly pace: Pace;
  readonly log: (line: string) => void;
};

const retryMs = 500;

/** Collects from its making until it is disposed. */
export class Collector implements Disposable {
  readonly #options: CollectorOptions;
  readonly #taker: CensusTaker;
  readonly #end = new AbortController();
  readonly #dirty = new Set<string>();
  /** Uids of namespaces, by name. */
  readonly #namespaces = new Map<string, string>();
  #running = false;
  #started = false;

  constructor(options: CollectorOptions) {
    this.#options = options;
    const { client, pace } = options;
    this.#taker = new CensusTaker({
      client,
      pace,
      changed: (entry, gone, before) => this.#changed(entry, gone, before),
      failed: (what, error) => this.#log(what, error),
    });
    void this.#start();
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    this.#taker[Symbol.dispose]();
  }

  async #start(): Promise<void> {
    while (!this.#end.signal.aborted) {
      try {
        await this.#taker.discover();
        break;
      } catch (error) {
        this.#log("discovery", error);
        await this.#options.pace.sleep(retryMs, this.#end.signal);
      }
    }
    this.#started = true;
    for (const uid of this.#taker.census.uids()) this.#dirty.add(uid);
    void this.#run();
  }

  #changed(entry: Entry, gone: boolean, before: Entry | undefined): void {
    for (const uid of touchedBy(entry, this.#taker.census, before)) this.#dirty.add(uid);
    // The last object of a namespace lets the namespace go.
    if (gone && entry.namespace !== undefined) this.#dirty.add(this.#namespaces.get(entry.namespace) ?? "");
    if (!this.#started) return;
    if (entry.resource.plural === "customresourcedefinitions") {
      void this.#taker.discover().catch((error: unknown) => this.#log("discovery", error));
    }
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (const uid of this.#dirty) {
      this.#dirty.delete(uid);
      await this.#look(uid);
    }
    this.#running = false;
  }

  async #look(uid: string): Promise<void> {
    const entry = this.#taker.census.get(uid);
    if (entry === undefined) return;
    const isNamespace = entry.resource.plural === namespaces.plural && entry.resource.group === "";
    if (isNamespace) this.#namespaces.set(entry.name, uid);
    try {
      for (const step of planObject(entry, this.#taker.census)) await this.#apply(step);
      if (isNamespace && entry.terminating) await this.#endNamespace(entry);
    } catch (error) {
      if (this.#end.signal.aborted) return;
      if (!hasReason(error, "NotFound", "Conflict")) this.#log(`${entry.resource.kind} ${entry.name}`, error);
      void this.#retry(uid);
    }
  }

  async #retry(uid: string): Promise<void> {
    await this.#options.pace.sleep(retryMs, this.#end.signal);
    if (this.#end.signal.aborted) return;
    this.#dirty.add(uid);
    void this.#run();
  }

  async #endNamespace({ name }: Entry): Promise<void> {
    const { removals, empty } = planNamespace(this.#taker.census.membersOf(name));
    for (const entry of removals) {
      await this.#apply({ do: "remove", entry, policy: "Background", why: `namespace ${name} is removed` });
    }
    if (!empty) return;
    const object = await this.#options.client.get(namespaces, { name });
    if (object.metadata.deletionTimestamp === undefined) return;
    this.#options.log(`namespace: finalize ${name} (nothing is left in it)`);
    await this.#options.client.update(namespaces, { ...object, spec: { ...object.spec, finalizers: [] } }, "finalize");
  }

  async #apply(step: Collection): Promise<void> {
    const { client, log } = this.#options;
    const { entry, why } = step;
    const { resource, namespace, name, uid } = entry;
    const place = { namespace, name };
    const what = `${resource.kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
    switch (step.do) {
      case "remove":
        log(`garbage: remove ${what} (${why})`);
        await client.remove(resource, place, { preconditions: { uid }, propagationPolicy: step.policy });
        return;
      case "release": {
        log(`garbage: release ${what} (${why})`);
        const ownerReferences = entry.owners.filter((owner) => owner.uid !== step.owner);
        await client.patch(resource, place, "merge", { metadata: { uid, ownerReferences } });
        return;
      }
      case "unblock": {
        log(`garbage: unblock ${what} (${why})`);
        const finalizers = entry.finalizers.filter((finalizer) => finalizer !== step.finalizer);
        await client.patch(resource, place, "merge", { metadata: { uid, finalizers } });
        return;
      }
      case "verify": {
        for (const owner of step.owners) if (await this.#isThere(owner, namespace)) return;
        await this.#apply({ do: "remove", entry, policy: "Background", why });
      }
    }
  }

  /** Asks the server itself: the census may not have seen a new owner yet. */
  async #isThere(owner: OwnerReference, namespace: string | undefined): Promise<boolean> {
    const resource = resourceOfKind(this.#taker.served, owner);
    // A kind that is not served may be served again: what it owns stays.
    if (resource === undefined) return true;
    try {
      const place = { name: owner.name, namespace: resource.namespaced ? namespace : undefined };
      const object = await this.#options.client.get<KubeObject>(resource, place);
      return object.metadata.uid === owner.uid;
    } catch (error) {
      if (hasReason(error, "NotFound")) return false;
      throw error;
    }
  }

  #log(what: string, error: unknown): void {
    if (this.#end.signal.aborted) return;
    this.#options.log(`garbage: ${what}: ${messageOf(error)}`);
  }
}
