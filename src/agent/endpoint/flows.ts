// Connections with addresses of pods that are gone, the kernel's and the packet path's: forgotten, so that the next pod inherits none.

import { messageOf } from "#base/error-message.ts";
import { type ConnectionMaps, forgetConnections } from "#datapath/connections.ts";
import { type Family, familyOf, type Ip } from "#net/ip.ts";
import type { Connection } from "#netlink/connection.ts";
import { listConnections, removeTracked } from "#netlink/conntrack.ts";

/** A burst of removals is one look at the table, which may be long; the addresses rest meanwhile. */
const settleMs = 200;

export class FlowSweeper implements Disposable {
  readonly #netfilter: () => Connection;
  readonly #maps: ConnectionMaps | undefined;
  readonly #log: (line: string) => void;
  #waiting = new Set<Ip>();
  #timer: Timer | undefined;

  /** `maps` are the packet path's; undefined: it has none. */
  constructor(netfilter: () => Connection, maps: ConnectionMaps | undefined, log: (line: string) => void) {
    this.#netfilter = netfilter;
    this.#maps = maps;
    this.#log = log;
  }

  /** Forgets what has to do with these addresses, in a moment. */
  sweep(addresses: readonly Ip[]): void {
    for (const address of addresses) this.#waiting.add(address);
    if (this.#waiting.size > 0) this.#timer ??= setTimeout(() => this.#run(), settleMs);
  }

  /** What waits is done now. */
  [Symbol.dispose](): void {
    if (this.#timer !== undefined) this.#run();
  }

  #run(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const gone = this.#waiting;
    this.#waiting = new Set();
    try {
      if (this.#maps !== undefined) forgetConnections(this.#maps, () => true, gone);
      for (const family of new Set([...gone].map(familyOf))) this.#forget(family, gone);
    } catch (error) {
      this.#log(`cannot forget tracked connections: ${messageOf(error)}`);
    }
  }

  #forget(family: Family, gone: ReadonlySet<Ip>): void {
    const connection = this.#netfilter();
    const tracked = listConnections(connection, family).filter(({ original, reply }) =>
      [original.src, original.dst, reply.src, reply.dst].some((address) => gone.has(address)),
    );
    const [failure] = connection.tryApply(tracked.map(removeTracked));
    if (failure !== undefined) throw failure.error;
  }
}
