// What changes in a network namespace, told as it happens: links, addresses, routes, neighbours, forwarding entries.

import { closeSync } from "node:fs";
import { messageOf } from "#base/error-message.ts";
import type { Reader } from "#codec/codec.ts";
import { Errno, KernelError } from "#kernel/errno.ts";
import { NetlinkSocket } from "#kernel/netlink-socket.ts";
import type { Netns } from "#kernel/netns.ts";
import { AddressType, addressMessage, type LinkAddress, toAddress } from "./address.ts";
import { filterSteps, type LinkFilter } from "./event-filter.ts";
import { type FdbEntry, readFdbEntry } from "./fdb.ts";
import { type Link, LinkType, toLink } from "./link.ts";
import { linkMessage } from "./link-message.ts";
import { readMessages } from "./message.ts";
import { type Neighbour, NeighbourType, readNeighbour } from "./neighbour.ts";
import { type Route, RouteType, routeMessage, toRoute } from "./route.ts";

/** RTNLGRP_ numbers of each topic. */
const groups = { link: [1], neighbour: [3], address: [5, 9], route: [7, 11] } as const;
export type Topic = keyof typeof groups;

/** `set` is a new object or one that changed, as it is now. */
export type Change = "set" | "removed";
export type NetworkEvent =
  | { readonly kind: "link"; readonly change: Change; readonly link: Link }
  | { readonly kind: "address"; readonly change: Change; readonly address: LinkAddress }
  | { readonly kind: "route"; readonly change: Change; readonly route: Route }
  | { readonly kind: "neighbour"; readonly change: Change; readonly neighbour: Neighbour }
  /** Comes with the topic `neighbour`. */
  | { readonly kind: "fdb"; readonly change: Change; readonly entry: FdbEntry }
  /** Events were lost: the listener reads everything anew. Later events follow as before. */
  | { readonly kind: "resync"; readonly why: Error }
  /** The last event: the kernel gives no new subscription. */
  | { readonly kind: "end"; readonly why: Error };

export type MonitorOptions = {
  readonly topics: readonly Topic[];
  /** Of the process itself where absent. It must stay open: a lost subscription is taken out again. */
  readonly netns?: Netns | undefined;
  /** Called in the kernel's order. What it throws is the event loop's to report. */
  readonly onEvent: (event: NetworkEvent) => void;
  /** Of which links' events to hear, by the upper half of their numbers; the kernel drops the others, but for addresses with `only`. */
  readonly links?: LinkFilter;
  /** Room for unread events; 20,000 links' worth unless given. */
  readonly bufferBytes?: number | undefined;
};

const defaultBufferBytes = 32 * 1024 * 1024;

/**
 * A subscription. It is in place when `open` resolves: what is read after that misses nothing.
 *
 *     using monitor = await Monitor.open({ topics: ["link"], onEvent: (event) => … });
 */
export class Monitor implements Disposable {
  readonly #options: MonitorOptions;
  #socket: Subscription | undefined;
  #closed = false;

  /** @throws KernelError when the kernel gives no subscription. */
  static async open(options: MonitorOptions): Promise<Monitor> {
    const monitor = new Monitor(options);
    await monitor.#subscribe();
    return monitor;
  }

  private constructor(options: MonitorOptions) {
    this.#options = options;
  }

  async #subscribe(): Promise<void> {
    const { topics, netns, links, bufferBytes = defaultBufferBytes } = this.#options;
    using netlink = new NetlinkSocket("route", netns);
    if (links !== undefined) netlink.filter(filterSteps(links));
    netlink.join(
      topics.flatMap((topic) => groups[topic]),
      bufferBytes,
    );
    const fd = netlink.disown();
    try {
      const socket = await Bun.connect<undefined>({
        fd,
        socket: { data: (_, bytes) => this.#receive(bytes), error: () => {}, close: () => this.#lost() },
      });
      if (this.#closed) socket.terminate();
      else this.#socket = socket;
    } catch (cause) {
      // A descriptor that the event loop refuses stays ours.
      closeSync(fd);
      throw new KernelError("Cannot watch a netlink socket", Errno.EIO, messageOf(cause));
    }
  }

  #receive(bytes: Uint8Array): void {
    for (const event of readEvents(bytes)) if (!this.#closed) this.#options.onEvent(event);
  }

  /** The event loop closes a socket whose buffer overran (ENOBUFS). */
  #lost(): void {
    if (this.#closed) return;
    this.#socket = undefined;
    const why = new KernelError("Cannot keep up with the kernel's events", Errno.ENOBUFS);
    this.#subscribe().then(
      () => this.#closed || this.#options.onEvent({ kind: "resync", why }),
      (error: Error) => this.#closed || this.#options.onEvent({ kind: "end", why: error }),
    );
  }

  /** No event comes after this. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#socket?.terminate();
    this.#socket = undefined;
  }
}

type Subscription = { readonly terminate: () => void };

/** The events of one datagram. A message that cannot be read asks for a resync. */
export function readEvents(bytes: Uint8Array): readonly NetworkEvent[] {
  const events: NetworkEvent[] = [];
  try {
    for (const { type, body } of readMessages(bytes)) {
      const event = readEvent(type, body);
      if (event !== undefined) events.push(event);
    }
  } catch (error) {
    events.push({ kind: "resync", why: error instanceof Error ? error : new Error(String(error)) });
  }
  return events;
}

function readEvent(type: number, body: Reader): NetworkEvent | undefined {
  switch (type) {
    case LinkType.new:
    case LinkType.del: {
      const message = linkMessage.decode(body);
      // A bridge tells its ports' changes by messages of its own family: leaving it looks like the end of the link.
      if (message.header.family !== "unspec") return undefined;
      return { kind: "link", change: changeOf(type, LinkType.new), link: toLink(message) };
    }
    case AddressType.new:
    case AddressType.del: {
      const address = toAddress(addressMessage.decode(body));
      return address && { kind: "address", change: changeOf(type, AddressType.new), address };
    }
    case RouteType.new:
    case RouteType.del: {
      const route = toRoute(routeMessage.decode(body));
      return route && { kind: "route", change: changeOf(type, RouteType.new), route };
    }
    case NeighbourType.new:
    case NeighbourType.del:
      return readNeighbourEvent(body, changeOf(type, NeighbourType.new));
    default:
      return undefined;
  }
}

function readNeighbourEvent(body: Reader, change: Change): NetworkEvent | undefined {
  const start = body.offset;
  const neighbour = readNeighbour(body);
  if (neighbour !== undefined) return { kind: "neighbour", change, neighbour };
  body.offset = start;
  const entry = readFdbEntry(body);
  return entry && { kind: "fdb", change, entry };
}

function changeOf(type: number, newType: number): Change {
  return type === newType ? "set" : "removed";
}
