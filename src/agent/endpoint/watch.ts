// Looks after endpoints: what somebody takes away of the node's side of one comes back in a moment.

import { Comparing } from "#agent/comparing.ts";
import {
  addressesOf,
  type Endpoint,
  endpointGroup,
  endpointIdOf,
  endpointLinks,
  formatEndpoint,
} from "#agent/state/endpoint.ts";
import { messageOf } from "#base/error-message.ts";
import { addressOf } from "#net/cidr.ts";
import { type Change, Monitor, type NetworkEvent } from "#netlink/monitor.ts";
import { type Route, RouteTable } from "#netlink/route.ts";
import type { Host } from "#plugins/host.ts";
import { leadsTo } from "./detours.ts";
import type { Endpoints } from "./endpoints.ts";

export type WatchOptions = {
  readonly endpoints: Endpoints;
  readonly host: Pick<Host, "netns" | "now">;
  readonly log: (line: string) => void;
};

/** A pod's namespace that ends takes its links along first: whoever looks at once sees half of it. */
const settleMs = 200;
/** What could not be put back is tried again: a link that is in the way goes in a moment. */
const retryMs = 1_000;

/** `down`: a link that is not up, unless it is by the time that somebody looks. */
type Sign = "down" | "damage";

export class EndpointWatch implements Disposable {
  readonly #options: WatchOptions;
  readonly #stack = new DisposableStack();
  #suspects = new Map<number, Sign>();
  /** Why endpoints could not be put back, by their numbers: told once. */
  readonly #failures = new Map<number, string>();
  #addressesChanged = false;
  #routesChanged = false;
  #timer: Timer | undefined;

  /** @throws KernelError when the kernel gives no events */
  static async start(options: WatchOptions): Promise<EndpointWatch> {
    const watch = new EndpointWatch(options);
    const { endpoints, host, log } = options;
    const { netns } = host;
    const onEvent = (event: NetworkEvent) => watch.#see(event);
    const topics = ["link", "route", "neighbour", "address"] as const;
    watch.#stack.use(await Monitor.open({ topics, links: { only: endpointLinks }, netns, onEvent }));
    watch.#stack.defer(() => clearTimeout(watch.#timer));
    // Of changes to maps the kernel tells nobody.
    const round = () => endpoints.compare();
    watch.#stack.use(new Comparing({ what: "endpoints", round, nowMs: host.now, log }));
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
      this.#routesChanged = true;
      for (const { id } of this.#options.endpoints.list()) this.#suspect(id, "damage");
      return;
    }
    // Of pods' links only pods have addresses.
    if (event.kind === "address") this.#wake(true);
    const { endpoints } = this.#options;
    const endpoint = endpointOf(event, endpoints);
    if (endpoint === undefined) return;
    const sign = signOf(event, endpoint, endpoints);
    if (sign !== undefined && event.kind === "route") this.#routesChanged = true;
    if (sign !== undefined) this.#suspect(endpoint.id, sign);
    else if (isUp(event) && this.#suspects.get(endpoint.id) === "down") this.#suspects.delete(endpoint.id);
  }

  #suspect(id: number, sign: Sign): void {
    if (this.#suspects.get(id) !== "damage") this.#suspects.set(id, sign);
    this.#wake(false);
  }

  #wake(addressesChanged: boolean): void {
    this.#addressesChanged ||= addressesChanged;
    this.#timer ??= setTimeout(() => this.#look(), settleMs);
  }

  #look(): void {
    const { endpoints, log } = this.#options;
    const suspects = this.#suspects;
    this.#suspects = new Map();
    this.#timer = undefined;
    if (this.#addressesChanged) this.#renewSources();
    for (const [id, sign] of suspects) {
      const endpoint = endpoints.byId(id);
      const before = this.#failures.get(id);
      this.#failures.delete(id);
      if (endpoint === undefined) continue;
      try {
        // A link is born down, which is told when it is up already.
        if (sign === "damage" || !endpoints.isUp(endpoint)) endpoints.restore(endpoint);
      } catch (error) {
        const why = `${formatEndpoint(endpoint)}: ${messageOf(error)}`;
        if (why !== before) log(why);
        this.#failures.set(id, why);
        this.#suspects.set(id, "damage");
      }
    }
    if (this.#routesChanged) this.#clearWays();
    if (this.#suspects.size > 0) this.#timer ??= setTimeout(() => this.#look(), retryMs);
  }

  #clearWays(): void {
    const { endpoints, log } = this.#options;
    this.#routesChanged = false;
    try {
      endpoints.clearWays();
    } catch (error) {
      log(messageOf(error));
    }
  }

  #renewSources(): void {
    const { endpoints, log } = this.#options;
    this.#addressesChanged = false;
    try {
      if (endpoints.renewSources()) endpoints.restoreAll();
    } catch (error) {
      log(messageOf(error));
    }
  }
}

function isUp(event: NetworkEvent): boolean {
  return event.kind === "link" && event.change === "set" && event.link.up;
}

/** The link that an event is about; undefined for one about none. */
function ifindexOf(event: NetworkEvent): number | undefined {
  switch (event.kind) {
    case "link":
      return event.link.index;
    case "address":
      return event.address.index;
    case "route":
      return event.route.oif;
    case "neighbour":
      return event.neighbour.ifindex;
    default:
      return undefined;
  }
}

/** Of a route, whoever has the address that it leads to: it may have taken the place of the one to the endpoint. */
function endpointOf(event: NetworkEvent, endpoints: Endpoints): Endpoint | undefined {
  const id = endpointIdOf(ifindexOf(event) ?? 0);
  if (id !== undefined) return endpoints.byId(id);
  return event.kind === "route" ? endpoints.byAddress(addressOf(event.route.dst)) : undefined;
}

/** What an event tells of an endpoint, unless wiring it causes such events by itself. */
function signOf(event: NetworkEvent, endpoint: Endpoint, endpoints: Endpoints): Sign | undefined {
  if (event.kind === "link" && event.change === "set") {
    const { up, master, mtu, name, mac, group } = event.link;
    // What is removed in a moment is in another group, and nobody's any more.
    const isAsMade = name === endpoint.hostName && mac === endpoint.hostMac && group === endpointGroup;
    if (master !== 0 || mtu !== endpoint.mtu || !isAsMade) return "damage";
    return up ? undefined : "down";
  }
  if (event.kind === "link") return "damage";
  if (event.kind === "route") return signOfRoute(event.change, event.route, endpoint, endpoints);
  if (event.kind !== "neighbour" || !addressesOf(endpoint).includes(event.neighbour.address)) return undefined;
  const { state, mac: found } = event.neighbour;
  return event.change === "removed" || state !== "permanent" || found !== endpoint.mac ? "damage" : undefined;
}

function signOfRoute(change: Change, route: Route, endpoint: Endpoint, endpoints: Endpoints): Sign | undefined {
  if (change === "removed") return route.oif === endpoint.ifindex ? "damage" : undefined;
  const isAbout = route.table === RouteTable.main && leadsTo(endpoint, route.dst);
  return isAbout && !endpoints.isOwnRoute(endpoint, route) ? "damage" : undefined;
}
