// Keeps the leases of this node's containers: acquires, renews, persists and releases them.
//
//   ADD ─► acquire ─► record on disk ─► wait T1 ─► renew ─► (T2) rebind ─► (end) interface down
//   DEL ─► release: one message, record removed            start() takes records up again

import type { Attachment } from "#cni/plugin.ts";
import { isErrno } from "#kernel/errno.ts";
import { NetnsError } from "#kernel/netns.ts";
import { addressOf } from "#net/cidr.ts";
import { defaultTiming, fraction, type Timing } from "./backoff.ts";
import { acquireLease, extendLease, NoLease, releaseLease, type Surroundings } from "./exchange.ts";
import type { Lease } from "./lease.ts";
import { type LeaseRecord, LeaseStore } from "./lease-store.ts";
import { formatLeaseId, type LeaseId, type Terms } from "./terms.ts";
import { InterfaceGone, isDown, type Place, takeDown, Wire, waitForCarrier } from "./wire.ts";

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
type Entry = { readonly id: LeaseId; readonly ended: AbortController; kept: LeaseRecord | undefined };

/** A cable without a carrier for longer is broken; the client tries all the same. */
const carrierWaitMs = 3_000;
/** One sleep at most, so that an ended lease is not remembered for hours, and a changed clock is noticed. */
const maxSleepMs = 60_000;
/** RFC 2131, section 4.4.5 says one minute between two requests; short leases need shorter. */
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
    for (const id of this.#store.list()) {
      if (this.#entries.has(formatLeaseId(id))) continue;
      const kept = this.#store.read(id);
      if (kept === undefined) this.#store.remove(id);
      else this.#keep(this.#enter(id), kept);
    }
  }

  /**
   * A lease for the interface, which is brought up. Kept until `release`.
   * @throws NoLease; InterfaceGone, NetnsError or KernelError when the interface cannot be used.
   */
  async acquire(id: LeaseId, where: Omit<Place, "mac">, wanted: Omit<Terms, "broadcast">): Promise<Lease> {
    const { netnsPrefix = "", broadcast = false } = this.#options;
    const place = { ...where, netns: `${netnsPrefix}${where.netns}` };
    this.#entries.get(formatLeaseId(id))?.ended.abort();
    const entry = this.#enter(id);
    try {
      await waitForCarrier(place, carrierWaitMs, this.#options.sleep);
      using wire = new Wire(place);
      const terms = { ...wanted, broadcast: broadcast || wire.needsBroadcast };
      const lease = await acquireLease(wire, terms, this.#timing, this.#around(entry));
      const kept = { id, place: { ...place, mac: wire.mac }, terms, lease };
      try {
        if (entry.ended.signal.aborted) throw new NoLease("The request was given up");
        this.#store.write(kept);
      } catch (error) {
        // What is not recorded could not be given back later.
        releaseLease(wire, lease, terms, this.#options);
        throw error;
      }
      this.#keep(entry, kept);
      return lease;
    } catch (error) {
      this.#leave(entry);
      throw error;
    }
  }

  /** The lease as it is now; undefined when there is none or it has run out. */
  find(id: LeaseId): Lease | undefined {
    return this.#entries.get(formatLeaseId(id))?.kept?.lease;
  }

  /** Gives a lease back, or stops asking for one. Never fails: a server that hears nothing waits for the lease's end. */
  release(id: LeaseId): void {
    const entry = this.#entries.get(formatLeaseId(id));
    entry?.ended.abort();
    if (entry !== undefined) this.#leave(entry);
    releaseStored(this.#store, id, this.#options);
  }

  /** Releases the network's leases that the runtime does not count among the living. */
  releaseStale(network: string, valid: readonly Attachment[]): void {
    const alive = new Set(valid.map(({ containerID, ifname }) => `${containerID}/${network}/${ifname}`));
    for (const id of this.#store.list(network)) {
      if (!alive.has(formatLeaseId(id))) this.release(id);
    }
  }

  /** Stops renewing; the leases stay, on disk and at the server. */
  [Symbol.dispose](): void {
    for (const entry of this.#entries.values()) entry.ended.abort();
    this.#entries.clear();
  }

  #enter(id: LeaseId): Entry {
    const entry: Entry = { id, ended: new AbortController(), kept: undefined };
    this.#entries.set(formatLeaseId(id), entry);
    return entry;
  }

  #leave(entry: Entry): void {
    const key = formatLeaseId(entry.id);
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }

  #around(entry: Entry): Surroundings {
    return { now: this.#options.now, random: this.#options.random, signal: entry.ended.signal };
  }

  #keep(entry: Entry, kept: LeaseRecord): void {
    entry.kept = kept;
    this.#renewForEver(entry, kept).catch((error: unknown) => {
      this.#log(entry.id, `is kept no longer: ${error instanceof Error ? error.message : error}`);
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
        kept = { ...kept, lease: await this.#extend(entry, kept) };
        if (entry.ended.signal.aborted) return;
        entry.kept = kept;
        this.#store.write(kept);
        nextAt = this.#renewAt(kept.lease);
      } catch (error) {
        if (entry.ended.signal.aborted) return;
        if (isGone(error)) return this.#forget(entry);
        if (error instanceof NoLease && error.refused) return this.#expire(entry, kept, "is void");
        this.#log(entry.id, `cannot be renewed yet: ${error instanceof Error ? error.message : error}`);
        // When renewing took until T2, rebinding begins at once.
        const isDue = startedAt < kept.lease.rebindAt && this.#options.now() >= kept.lease.rebindAt;
        nextAt = isDue ? kept.lease.rebindAt : this.#retryAt(kept.lease);
      }
    }
  }

  async #extend(entry: Entry, { place, lease, terms }: LeaseRecord): Promise<Lease> {
    const around = this.#around(entry);
    using wire = new Wire(place);
    const state = this.#options.now() < lease.rebindAt ? "renewing" : "rebinding";
    try {
      return await extendLease(wire, lease, state, terms, this.#timing, around);
    } catch (error) {
      if (!(error instanceof NoLease) || !error.refused) throw error;
      // A server that lost its memory refuses, and may still give the same address anew.
      using another = new Wire(place);
      const totalMs = Math.min(this.#timing.totalMs, Math.max(minRetryMs, lease.expiresAt - around.now()));
      const anew = await acquireLease(another, terms, { ...this.#timing, totalMs }, around, addressOf(lease.address));
      if (anew.address === lease.address) return anew;
      releaseLease(another, anew, terms, around);
      throw new NoLease(`the server gives ${anew.address} instead of ${lease.address}`, true);
    }
  }

  /** RFC 2131, section 3.7: the container must stop using the address. */
  #expire(entry: Entry, { place, lease }: LeaseRecord, why: string): void {
    this.#log(entry.id, `${why}: ${place.ifname} with ${lease.address} is taken down`);
    try {
      takeDown(place);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    this.#forget(entry);
  }

  #forget(entry: Entry): void {
    this.#leave(entry);
    this.#store.remove(entry.id);
  }

  async #sleepUntil(at: number, entry: Entry): Promise<void> {
    for (;;) {
      const leftMs = at - this.#options.now();
      if (leftMs <= 0 || entry.ended.signal.aborted) return;
      await this.#options.sleep(Math.min(leftMs, maxSleepMs));
    }
  }

  #renewAt(lease: Lease): number {
    const now = this.#options.now();
    return lease.renewAt - (lease.renewAt - now) * renewSpread * fraction(this.#options.random);
  }

  /** Half of what is left until the next state, within bounds; neither state's beginning is slept over. */
  #retryAt(lease: Lease): number {
    const now = this.#options.now();
    const edge = now < lease.rebindAt ? lease.rebindAt : lease.expiresAt;
    return Math.min(edge, now + Math.min(maxRetryMs, Math.max(minRetryMs, (edge - now) / 2)));
  }

  #log(id: LeaseId, what: string): void {
    this.#options.log(`The DHCP lease of ${formatLeaseId(id)} ${what}`);
  }
}

/** Releases a lease that is only on disk, if there is one, and forgets it. */
export function releaseStored(store: LeaseStore, id: LeaseId, around: Omit<Surroundings, "signal">): void {
  const kept = store.read(id);
  store.remove(id);
  if (kept === undefined) return;
  try {
    using wire = new Wire(kept.place);
    releaseLease(wire, kept.lease, kept.terms, around);
  } catch (error) {
    if (!isGone(error) && !isDown(error)) throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof InterfaceGone || error instanceof NetnsError || isErrno(error, "ENODEV", "ENXIO");
}
