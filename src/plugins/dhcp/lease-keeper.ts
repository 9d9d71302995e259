// Keeps the leases of this node's containers: acquires, renews, persists and releases them.
//
//   ADD ─► acquire ─► record on disk ─► wait T1 ─► renew ─► (T2) rebind ─► (end) address out of use
//   DEL ─► release: one message, record removed            start() takes records up again

import { messageOf } from "#base/error-message.ts";
import type { Attachment } from "#cni/plugin.ts";
import { isErrno, KernelError } from "#kernel/errno.ts";
import { NetnsError } from "#kernel/netns.ts";
import { type Family, families } from "#net/ip.ts";
import { defaultTiming, fraction, type Timing } from "./backoff.ts";
import { acquire, addressIn, extend, type LeaseRecord, type Order, release } from "./client.ts";
import { NoLease, type Surroundings } from "./exchange.ts";
import { type LeaseKey, LeaseStore } from "./lease-store.ts";
import { formatLeaseId, type LeaseId, protocolOf } from "./terms.ts";
import { InterfaceGone, removeLeased, takeDown, waitForCarrier } from "./wire.ts";

export type KeeperOptions = Omit<Surroundings, "signal"> & {
  /** Folder of the records, on a tmpfs: containers do not outlive a reboot either. */
  readonly dir: string;
  readonly sleep: (ms: number) => Promise<void>;
  readonly log: (line: string) => void;
  readonly timing?: Timing;
  /** Servers must answer to the broadcast address. */
  readonly broadcast?: boolean;
  /** Put before the paths of namespaces, for a keeper in a container. */
  readonly netnsPrefix?: string;
};

/** A lease in work, or kept. `ended` aborts with DEL and with the keeper. */
type Entry = { readonly key: LeaseKey; readonly ended: AbortController; kept: LeaseRecord | undefined };

/** A cable without a carrier for longer is broken; the client tries all the same. */
const carrierWaitMs = 3_000;
/** One sleep at most, so that an ended lease is not remembered for hours, and a changed clock is noticed. */
const maxSleepMs = 60_000;
/** RFC 2131, section 4.4.5, says one minute between two requests; short leases need shorter. */
const minRetryMs = 1_000;
const maxRetryMs = 60_000;
/** Clients that began together must not renew together. */
const renewSpread = 0.05;

export class LeaseKeeper implements Disposable {
  readonly #options: KeeperOptions;
  readonly #timing: Timing;
  readonly #store: LeaseStore;
  readonly #entries = new Map<string, Entry>();

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#timing = options.timing ?? defaultTiming;
    this.#store = new LeaseStore(options.dir);
  }

  /** Takes up the leases on disk. Those whose container is gone are forgotten. */
  start(): void {
    for (const key of this.#store.list()) {
      if (this.#entries.has(nameOf(key))) continue;
      const kept = this.#store.read(key);
      if (kept === undefined) this.#store.remove(key);
      else this.#keep(this.#enter(key), kept);
    }
  }

  /**
   * A lease for the interface, which is brought up. Kept until `release`.
   * @throws NoLease; InterfaceGone, NetnsError or KernelError when the interface cannot be used.
   */
  async acquire(wanted: Order): Promise<LeaseRecord> {
    const order = this.#adapted(wanted);
    this.#entries.get(nameOf(order))?.ended.abort();
    const entry = this.#enter({ id: order.id, family: order.family });
    try {
      await waitForCarrier(order.place, carrierWaitMs, this.#options.sleep);
      const kept = await acquire(order, this.#timing, this.#around(entry));
      try {
        if (entry.ended.signal.aborted) throw new NoLease("The request was given up");
        this.#store.write(kept);
      } catch (error) {
        // What is not recorded could not be given back later.
        release(kept, this.#options);
        throw error;
      }
      this.#keep(entry, kept);
      return kept;
    } catch (error) {
      this.#leave(entry);
      throw error;
    }
  }

  /** The lease as it is now; undefined when there is none or it has run out. */
  find(key: LeaseKey): LeaseRecord | undefined {
    return this.#entries.get(nameOf(key))?.kept;
  }

  /**
   * Gives the interface's leases of both families back, or stops asking for them. Never fails: a server that hears nothing waits
   * for the lease's end.
   */
  release(id: LeaseId): void {
    for (const family of families) {
      const entry = this.#entries.get(nameOf({ id, family }));
      entry?.ended.abort();
      if (entry !== undefined) this.#leave(entry);
    }
    releaseStored(this.#store, id, this.#options);
  }

  /** Releases the network's leases that the runtime does not count among the living. */
  releaseStale(network: string, valid: readonly Attachment[]): void {
    const alive = new Set(valid.map(({ containerID, ifname }) => `${containerID}/${network}/${ifname}`));
    for (const { id } of this.#store.list(network)) {
      if (!alive.has(formatLeaseId(id))) this.release(id);
    }
  }

  /** Stops renewing; the leases stay, on disk and at the server. */
  [Symbol.dispose](): void {
    for (const entry of this.#entries.values()) entry.ended.abort();
    this.#entries.clear();
  }

  #adapted(order: Order): Order {
    const { netnsPrefix = "", broadcast = false } = this.#options;
    const place = { ...order.place, netns: `${netnsPrefix}${order.place.netns}` };
    if (order.family === "ipv6") return { ...order, place };
    return { ...order, place, terms: { ...order.terms, broadcast: broadcast || order.terms.broadcast } };
  }

  #enter(key: LeaseKey): Entry {
    const entry: Entry = { key, ended: new AbortController(), kept: undefined };
    this.#entries.set(nameOf(key), entry);
    return entry;
  }

  #leave(entry: Entry): void {
    const name = nameOf(entry.key);
    if (this.#entries.get(name) === entry) this.#entries.delete(name);
  }

  #around(entry: Entry): Surroundings {
    return { now: this.#options.now, random: this.#options.random, signal: entry.ended.signal };
  }

  #keep(entry: Entry, kept: LeaseRecord): void {
    entry.kept = kept;
    this.#renewForEver(entry, kept).catch((error: unknown) => {
      this.#log(entry.key, `is kept no longer: ${messageOf(error)}`);
      this.#leave(entry);
    });
  }

  /** Ends with the entry, with its container, or with the lease. */
  async #renewForEver(entry: Entry, first: LeaseRecord): Promise<void> {
    let kept = first;
    let nextAt = this.#renewAt(kept.lease);
    for (;;) {
      await this.#sleepUntil(nextAt, entry);
      if (entry.ended.signal.aborted) return;
      const startedAt = this.#options.now();
      if (startedAt >= kept.lease.expiresAt) return this.#expire(entry, kept, "has run out");
      try {
        kept = await this.#extend(entry, kept);
        if (entry.ended.signal.aborted) return;
        entry.kept = kept;
        this.#store.write(kept);
        nextAt = this.#renewAt(kept.lease);
      } catch (error) {
        if (entry.ended.signal.aborted) return;
        if (isGone(error)) return this.#forget(entry);
        if (error instanceof NoLease && error.refused) return this.#expire(entry, kept, "is void");
        this.#log(entry.key, `cannot be renewed yet: ${messageOf(error)}`);
        // When renewing took until T2, rebinding begins at once.
        const isDue = startedAt < kept.lease.rebindAt && this.#options.now() >= kept.lease.rebindAt;
        nextAt = isDue ? kept.lease.rebindAt : this.#retryAt(kept.lease);
      }
    }
  }

  async #extend(entry: Entry, kept: LeaseRecord): Promise<LeaseRecord> {
    const around = this.#around(entry);
    const state = this.#options.now() < kept.lease.rebindAt ? "renewing" : "rebinding";
    try {
      return await extend(kept, state, this.#timing, around);
    } catch (error) {
      if (!(error instanceof NoLease) || !error.refused) throw error;
      // A server that lost its memory refuses, and may still give the same address anew.
      const totalMs = Math.min(this.#timing.totalMs, Math.max(minRetryMs, kept.lease.expiresAt - around.now()));
      const anew = await acquire(kept, { ...this.#timing, totalMs }, around, addressIn(kept));
      if (anew.lease.address === kept.lease.address) return anew;
      release(anew, around);
      throw new NoLease(`the server gives ${anew.lease.address} instead of ${kept.lease.address}`, true);
    }
  }

  /** RFC 2131, section 3.7: the container must stop using the address. */
  #expire(entry: Entry, { place, lease }: LeaseRecord, why: string): void {
    const other = families.find((family) => family !== entry.key.family) ?? entry.key.family;
    // A lease of the other family goes on.
    const isLast = this.find({ ...entry.key, family: other }) === undefined;
    const how = isLast ? `${place.ifname} with ${lease.address} is taken down` : `${lease.address} is removed`;
    this.#log(entry.key, `${why}: ${how}`);
    try {
      if (isLast) takeDown(place);
      else removeLeased(place, lease.address);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    this.#forget(entry);
  }

  #forget(entry: Entry): void {
    this.#leave(entry);
    this.#store.remove(entry.key);
  }

  async #sleepUntil(at: number, entry: Entry): Promise<void> {
    for (;;) {
      const leftMs = at - this.#options.now();
      if (leftMs <= 0 || entry.ended.signal.aborted) return;
      await this.#options.sleep(Math.min(leftMs, maxSleepMs));
    }
  }

  #renewAt(lease: LeaseRecord["lease"]): number {
    const now = this.#options.now();
    return lease.renewAt - (lease.renewAt - now) * renewSpread * fraction(this.#options.random);
  }

  /** Half of what is left until the next state, within bounds; neither state's beginning is slept over. */
  #retryAt(lease: LeaseRecord["lease"]): number {
    const now = this.#options.now();
    const edge = now < lease.rebindAt ? lease.rebindAt : lease.expiresAt;
    return Math.min(edge, now + Math.min(maxRetryMs, Math.max(minRetryMs, (edge - now) / 2)));
  }

  #log({ id, family }: LeaseKey, what: string): void {
    this.#options.log(`The ${protocolOf(family)} lease of ${formatLeaseId(id)} ${what}`);
  }
}

function nameOf({ id, family }: { readonly id: LeaseId; readonly family: Family }): string {
  return `${family} ${formatLeaseId(id)}`;
}

/** Releases the interface's leases that are only on disk, if there are any, and forgets them. */
export function releaseStored(store: LeaseStore, id: LeaseId, around: Omit<Surroundings, "signal">): void {
  for (const family of families) {
    const kept = store.read({ id, family });
    store.remove({ id, family });
    if (kept === undefined) continue;
    try {
      release(kept, around);
    } catch (error) {
      // The interface is down, has no IPv6, or cannot be used any more for another reason: the lease ends at the server by itself.
      if (!isGone(error) && !(error instanceof KernelError)) throw error;
    }
  }
}

function isGone(error: unknown): boolean {
  return error instanceof InterfaceGone || error instanceof NetnsError || isErrno(error, "ENODEV", "ENXIO");
}
