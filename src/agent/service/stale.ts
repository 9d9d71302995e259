// What is remembered of datagrams and leads nowhere: to endpoints that a service does not have any more, or past a service that was not
// there when they began. They have no connection that ends by itself: a client that keeps its port would go on talking to nobody. An
// association of SCTP goes on over all the ways it has, and ends when the next endpoint is asked, which does not know it. TCP ends by
// itself, or goes on where the endpoint goes on.

import { messageOf } from "#base/error-message.ts";
import { type ConnectionMaps, forgetConnections } from "#datapath/connections.ts";
import { Netns } from "#kernel/netns.ts";
import type { Ip } from "#net/ip.ts";
import { Connection } from "#netlink/connection.ts";
import { closeSocketsTo } from "#netlink/sock-diag.ts";
import { protocolNumbers } from "./row.ts";
import type { GoneBackend } from "./services.ts";

export type StaleOptions = {
  readonly maps: ConnectionMaps;
  /** The node's namespace; undefined: the process's own. */
  readonly netns: Netns | undefined;
  /** Paths of the pods' namespaces. */
  readonly podNamespaces: () => readonly string[];
  readonly log: (line: string) => void;
};

/** Where a service is reached. */
export type NewPlace = { readonly address: Ip; readonly protocol: number; readonly port: number };

const { tcp } = protocolNumbers;
/** A rollout takes many endpoints, one after the other. */
const settleMs = 20;

export class StaleFlows implements Disposable {
  readonly #options: StaleOptions;
  #gone: readonly GoneBackend[] = [];
  #came: readonly NewPlace[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: StaleOptions) {
    this.#options = options;
  }

  /** Forgets, in a moment, what clients have with these. */
  forget(gone: readonly GoneBackend[]): void {
    const datagrams = gone.filter(({ protocol }) => protocol !== "tcp");
    if (datagrams.length === 0) return;
    this.#gone = [...this.#gone, ...datagrams];
    this.#timer ??= setTimeout(() => this.#run(), settleMs);
  }

  /** Forgets, in a moment, what clients sent to these while no service was there: the next datagram asks the service. */
  forgetBefore(places: readonly NewPlace[]): void {
    const datagrams = places.filter(({ protocol }) => protocol !== 0 && protocol !== tcp);
    if (datagrams.length === 0) return;
    this.#came = [...this.#came, ...datagrams];
    this.#timer ??= setTimeout(() => this.#run(), settleMs);
  }

  [Symbol.dispose](): void {
    if (this.#timer !== undefined) this.#run();
  }

  #run(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const [gone, came] = [this.#gone, this.#came];
    this.#gone = [];
    this.#came = [];
    if (came.length > 0) this.#forgetUntranslated(came);
    if (gone.length > 0) this.#forgetGone(gone);
  }

  #forgetUntranslated(came: readonly NewPlace[]): void {
    const { maps, log } = this.#options;
    const places = new Set(came.map(({ protocol, address, port }) => `${protocol} ${address} ${port}`));
    try {
      const forgotten = forgetConnections(
        maps,
        ({ protocol, service, source, sourcePort, destination, destinationPort }) =>
          service === 0 &&
          (places.has(`${protocol} ${destination} ${destinationPort}`) ||
            places.has(`${protocol} ${source} ${sourcePort}`)),
        new Set(came.map(({ address }) => address)),
      );
      if (forgotten > 0) log(`services: forgot ${forgotten} connections to what is a service's now`);
    } catch (error) {
      log(`services: cannot forget connections: ${messageOf(error)}`);
    }
  }

  #forgetGone(gone: readonly GoneBackend[]): void {
    const { maps, podNamespaces, log } = this.#options;
    const ends = new Set(gone.map(({ group, address, port }) => `${group} ${address} ${port}`));
    try {
      const forgotten = forgetConnections(
        maps,
        ({ protocol, service, source, sourcePort, destination, destinationPort }) =>
          protocol !== tcp &&
          (ends.has(`${service} ${destination} ${destinationPort}`) || ends.has(`${service} ${source} ${sourcePort}`)),
        new Set(gone.map(({ address }) => address)),
      );
      if (forgotten > 0) log(`services: forgot ${forgotten} connections to endpoints that are gone`);
    } catch (error) {
      log(`services: cannot forget connections: ${messageOf(error)}`);
    }
    // Of SCTP the kernel closes none by request.
    const withSockets = gone.filter(({ protocol }) => protocol !== "sctp");
    if (withSockets.length === 0) return;
    this.#closeIn(this.#options.netns, withSockets);
    for (const path of podNamespaces()) this.#closeInPod(path, withSockets);
  }

  #closeInPod(path: string, gone: readonly GoneBackend[]): void {
    try {
      using netns = new Netns(path);
      this.#closeIn(netns, gone);
    } catch {
      // The pod is gone with its sockets.
    }
  }

  #closeIn(netns: Netns | undefined, gone: readonly GoneBackend[]): void {
    const { log } = this.#options;
    try {
      using connection = new Connection("sockDiag", netns);
      const closed = closeSocketsTo(connection, "udp", gone);
      if (closed > 0) log(`services: closed ${closed} UDP sockets to endpoints that are gone`);
    } catch (error) {
      log(`services: cannot close sockets to endpoints that are gone: ${messageOf(error)}`);
    }
  }
}
