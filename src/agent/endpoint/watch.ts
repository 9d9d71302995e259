// Looks after endpoints: what somebody takes away of the node's side of one comes back in a moment.

import { endpointIdOf } from "#agent/state/endpoint.ts";
import type { Netns } from "#kernel/netns.ts";
import { Monitor, type NetworkEvent } from "#netlink/monitor.ts";
import type { Endpoints } from "./endpoints.ts";

export type WatchOptions = {
  readonly endpoints: Endpoints;
  readonly netns: Netns | undefined;
  readonly log: (line: string) => void;
};

/** A pod's namespace that ends takes its links along first: whoever looks at once sees half of it. */
const settleMs = 200;

export class EndpointWatch implements Disposable {
  readonly #options: WatchOptions;
  readonly #stack = new DisposableStack();
  #suspects = new Set<number>();
  #timer: Timer | undefined;

  /** @throws KernelError when the kernel gives no events */
  static async start(options: WatchOptions): Promise<EndpointWatch> {
    const watch = new EndpointWatch(options);
    const { netns } = options;
    const onEvent = (event: NetworkEvent) => watch.#see(event);
    watch.#stack.use(await Monitor.open({ topics: ["link", "route", "neighbour"], netns, onEvent }));
    watch.#stack.defer(() => clearTimeout(watch.#timer));
    return watch;
  }

  private constructor(options: WatchOptions) {
    this.#options = options;
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  #see(event: NetworkEvent): void {
    if (event.kind === "resync") {
      for (const { id } of this.#options.endpoints.list()) this.#suspect(id);
      return;
    }
    const id = endpointIdOf(ifindexIn(event) ?? 0);
    if (id !== undefined) this.#suspect(id);
  }

  #suspect(id: number): void {
    this.#suspects.add(id);
    this.#timer ??= setTimeout(() => this.#look(), settleMs);
  }

  #look(): void {
    const { endpoints, log } = this.#options;
    const suspects = this.#suspects;
    this.#suspects = new Set();
    this.#timer = undefined;
    for (const endpoint of endpoints.list()) {
      if (!suspects.has(endpoint.id)) continue;
      try {
        endpoints.restore(endpoint);
      } catch (error) {
        log(error instanceof Error ? error.message : String(error));
      }
    }
  }
}

/** The link that lost something, or is not up any more. */
function ifindexIn(event: NetworkEvent): number | undefined {
  if (event.kind === "link") return event.change === "removed" || !event.link.up ? event.link.index : undefined;
  if (event.kind === "route" && event.change === "removed") return event.route.oif;
  // A permanent entry that is changed by hand is one of another state or address.
  return event.kind === "neighbour" ? event.neighbour.ifindex : undefined;
}
