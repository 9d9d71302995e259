// What still leads to endpoints that a service does not have any more. UDP has no connection that ends by itself: a client that keeps
// its port would go on talking to nobody. TCP ends by itself, or goes on where the endpoint goes on.

import { type ConnectionMaps, forgetConnections } from "#datapath/connections.ts";
import { Netns } from "#kernel/netns.ts";
import { Connection } from "#netlink/connection.ts";
import { closeSocketsTo } from "#netlink/sock-diag.ts";
import type { GoneBackend } from "./services.ts";

export type StaleOptions = {
  readonly maps: ConnectionMaps;
  /** The node's namespace; undefined: the process's own. */
  readonly netns: Netns | undefined;
  /** Paths of the pods' namespaces. */
  readonly podNamespaces: () => readonly string[];
  readonly log: (line: string) => void;
};

const udp = 17;
/** A rollout takes many endpoints, one after the other. */
const settleMs = 20;

export class StaleFlows implements Disposable {
  readonly #options: StaleOptions;
  #gone: readonly GoneBackend[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: StaleOptions) {
    this.#options = options;
  }

  /** Forgets, in a moment, what clients have with these. */
  forget(gone: readonly GoneBackend[]): void {
    const datagrams = gone.filter(({ group }) => group.includes(" udp/"));
    if (datagrams.length === 0) return;
    this.#gone = [...this.#gone, ...datagrams];
    this.#timer ??= setTimeout(() => this.#run(), settleMs);
  }

  [Symbol.dispose](): void {
    if (this.#timer !== undefined) this.#run();
  }

  #run(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { maps, podNamespaces, log } = this.#options;
    const gone = this.#gone;
    this.#gone = [];
    const groups = new Set(gone.map(({ number, address, port }) => `${number} ${address} ${port}`));
    try {
      const forgotten = forgetConnections(
        maps,
        ({ protocol, service, source, sourcePort, destination, destinationPort }) =>
          protocol === udp &&
          (groups.has(`${service} ${destination} ${destinationPort}`) ||
            groups.has(`${service} ${source} ${sourcePort}`)),
        new Set(gone.map(({ address }) => address)),
      );
      if (forgotten > 0) log(`services: forgot ${forgotten} UDP connections to endpoints that are gone`);
    } catch (error) {
      log(`services: cannot forget connections: ${messageOf(error)}`);
    }
    this.#closeIn(this.#options.netns, gone);
    for (const path of podNamespaces()) this.#closeInPod(path, gone);
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
