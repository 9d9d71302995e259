// Taking links away: at once, or marked now and removed together a moment later.

import { Writer } from "#codec/codec.ts";
import { isErrno, KernelError } from "#kernel/errno.ts";
import { native } from "#kernel/native.ts";
import { NetlinkSocket } from "#kernel/netlink-socket.ts";
import type { Netns } from "#kernel/netns.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink, type Link, removeLink, removeLinkGroup, setLink } from "#netlink/link.ts";
import { type Request, writeMessage } from "#netlink/message.ts";

/** Where a link is: a connection into its namespace, and that namespace (undefined: the process's own). */
export type LinkPlace = { readonly connection: Connection; readonly netns: Netns | undefined };

export type LinkRemover = {
  /** Afterwards the link is down and its name is free. `host` is the node's side, where a veth's other end may be. */
  readonly remove: (link: Link, place: LinkPlace, host: LinkPlace) => void;
  /**
   * Of a veth pair whose end on the node's side has a number that nobody else chooses: it goes in a moment, as it is. To take it down
   * and to free its name, the kernel would wait until nobody looks at it any more, each time. `also` is sent along. False: there is no
   * such link.
   */
  readonly removePair: (index: number, host: LinkPlace, also: readonly Request[]) => boolean;
};

export const removeAtOnce: LinkRemover = {
  remove(link, { connection }) {
    connection.apply([removeLink(link.index, link.name)]);
  },

  removePair(index, { connection }, also) {
    const isThere = findLink(connection, index) !== undefined;
    connection.apply([removeLink(index), ...also]);
    return isThere;
  },
};

/** Links of this group are rubbish of ours: no interface manager uses the number. */
export const rubbishGroup = 0x7477_6c6c;
/** Long enough for the DELs of a burst to share one removal. */
const sweepDelayMs = 50;

/**
 * Marks links (down, renamed, in the rubbish group: about 50 µs) and removes them by one request per namespace, in a thread
 * of their own: the kernel takes 16 ms for one link, 130 ms for a thousand of one group.
 */
export class SweepingRemover implements LinkRemover, Disposable {
  readonly #setTimer: (run: () => void, ms: number) => void;
  #waiting = new Map<string, NetlinkSocket | undefined>();
  #counter = 0;

  constructor(setTimer: (run: () => void, ms: number) => void) {
    this.#setTimer = setTimer;
  }

  remove(link: Link, place: LinkPlace, host: LinkPlace): void {
    place.connection.apply(this.#mark(link.index, link.name));
    const far = link.info?.kind === "veth" && place !== host ? findLink(host.connection, link.parent) : undefined;
    // One end takes the other with it: sweeping on the node's side keeps no container namespace open.
    if (far?.info?.kind === "veth" && far.parent === link.index) {
      // Its far end is down: no packet comes or goes.
      host.connection.apply([change(far.index, { group: rubbishGroup }, far.name)]);
      this.#schedule(host.netns);
    } else {
      this.#schedule(place.netns);
    }
  }

  removePair(index: number, host: LinkPlace, also: readonly Request[]): boolean {
    const mark = setLink(index, { group: rubbishGroup });
    const failures = host.connection.tryApply([mark, ...also]);
    const isThere = failures.every(({ request }) => request !== mark);
    if (isThere) this.#schedule(host.netns);
    const failure = failures.find(({ request, error }) => request !== mark || !isErrno(error, "ENODEV"));
    if (failure !== undefined) throw failure.error;
    return isThere;
  }

  /** Removes what is marked, and what an earlier process marked in `netns`. */
  sweep(netns: Netns | undefined): void {
    this.#schedule(netns);
  }

  [Symbol.dispose](): void {
    this.#run();
  }

  #mark(index: number, shown?: string): readonly Request[] {
    const name = `tw~${index.toString(36)}-${(this.#counter++ % 46656).toString(36)}`;
    return [change(index, { up: false }, shown), change(index, { name, group: rubbishGroup }, shown)];
  }

  #schedule(netns: Netns | undefined): void {
    if (this.#waiting.size === 0) this.#setTimer(() => this.#run(), sweepDelayMs);
    const key = netns?.path ?? "";
    // The process's own namespace will be there; the way into another may be gone by then.
    if (!this.#waiting.has(key)) this.#waiting.set(key, netns && new NetlinkSocket("route", netns));
  }

  #run(): void {
    const sockets = [...this.#waiting.values()];
    this.#waiting = new Map();
    const writer = new Writer();
    writeMessage(writer, removeLinkGroup(rubbishGroup), 1, 0);
    const bytes = writer.finish();
    for (const socket of sockets) {
      const fd = (socket ?? new NetlinkSocket("route")).disown();
      const error = native().twill_send_aside(fd, bytes, BigInt(bytes.length));
      if (error !== 0) throw new KernelError("Cannot start the thread that removes links", -error);
    }
  }
}

/** Of a link that is to go: one that an earlier sweep takes meanwhile, or its namespace, has gone. */
function change(...args: Parameters<typeof setLink>): Request {
  return { ...setLink(...args), allow: ["ENODEV"] };
}
