// What the packet path remembers of clients that stay with an endpoint, once the endpoint has gone. Programs pass over such elements;
// they would fill the table until their clients come again.

import { messageOf } from "#base/error-message.ts";
import { Reader } from "#codec/codec.ts";
import type { Datapath } from "#datapath/datapath.ts";

export type AffinitiesOptions = {
  readonly maps: Pick<Datapath["services"], "affinities" | "backends">;
  readonly log: (line: string) => void;
};

/** A rollout takes many endpoints, one after the other, and each look goes through the whole table. */
const settleMs = 1_000;
/** Where the service's number is in a key (bpf/services.h, struct affinity_key). */
const serviceAt = 16;

export class Affinities implements Disposable {
  readonly #options: AffinitiesOptions;
  #services = new Set<number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: AffinitiesOptions) {
    this.#options = options;
  }

  /** Forgets, in a moment, who stays with endpoints that these services do not have any more. */
  forget(services: Iterable<number>): void {
    for (const service of services) this.#services.add(service);
    if (this.#services.size > 0) this.#timer ??= setTimeout(() => this.#run(), settleMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #run(): void {
    this.#timer = undefined;
    const services = this.#services;
    this.#services = new Set();
    const { maps, log } = this.#options;
    try {
      const forgotten = forgetAffinities(maps, services);
      if (forgotten > 0) log(`services: forgot ${forgotten} clients that stayed with endpoints that are gone`);
    } catch (error) {
      log(`services: cannot forget who stays where: ${messageOf(error)}`);
    }
  }
}

/** Removes what these services remember of backends that are not theirs any more; returns how many. @throws KernelError */
export function forgetAffinities(
  { affinities, backends }: AffinitiesOptions["maps"],
  services: ReadonlySet<number>,
): number {
  const { keySize, valueSize, key: keyFormat } = affinities.format;
  const isServed = new Map<number, number | undefined>();
  const gone: { readonly client: Reader; readonly backend: number }[] = [];
  for (const { count, keys, values } of affinities.batches()) {
    const key = new DataView(keys.buffer, keys.byteOffset);
    const value = new DataView(values.buffer, values.byteOffset);
    for (let index = 0; index < count; index++) {
      const service = key.getUint32(index * keySize + serviceAt, true);
      if (!services.has(service)) continue;
      const backend = value.getUint32(index * valueSize, true);
      if (!isServed.has(backend)) isServed.set(backend, backends.get(backend)?.service);
      if (isServed.get(backend) === service) continue;
      gone.push({ client: new Reader(keys.slice(index * keySize, (index + 1) * keySize)), backend });
    }
  }
  let forgotten = 0;
  for (const { client, backend } of gone) {
    const affinity = keyFormat.decode(client);
    // A client that came again while the table was read stays with somebody else by now.
    if (affinities.get(affinity)?.backend === backend && affinities.delete(affinity)) forgotten++;
  }
  return forgotten;
}
