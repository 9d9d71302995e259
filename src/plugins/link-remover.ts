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
  /** As `remove`, of a veth pair. False: there is no such link at `place`. */
  readonly removePair: (pair: VethPair, place: LinkPlace, host: LinkPlace) => boolean;
};

/** A veth pair whose ends have a number that nobody else chooses: nothing is looked up. */
export type VethPair = {
  /** Of both ends, each in its namespace. */
  readonly index: number;
  /** What goes with it on the node's side. */
  readonly also: readonly Request[];
};

export const removeAtOnce: LinkRemover = {
  remove(link, { connection }) {
    connection.apply([removeLink(link.index, link.name)]);
  },

  removePair({ index, also }, { connection }, host) {
    const isThere = connection.tryApply([{ ...removeLink(index), allow: [] }]).length === 0;
    host.connection.apply(also);
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
      host.connection.apply([setLink(far.index, { group: rubbishGroup }, far.name)]);
      this.#schedule(host.netns);
    } else {
      this.#schedule(place.netns);
    }
  }

  removePair({ index, also }: VethPair, place: LinkPlace, host: LinkPlace): boolean {
    const [failure] = place.connection.tryApply(this.#mark(index));
    if (failure !== undefined && !isErrno(failure.error, "ENODEV")) throw failure.error;
    const far = setLink(index, { group: rubbishGroup });
    const failures = host.connection.tryApply(failure === undefined ? [far, ...also] : also);
    const lacksFar = failures.some(({ request }) => request === far);
    const unexpected = failures.find(({ request }) => request !== far);
    if (failure === undefined) this.#schedule(lacksFar ? place.netns : host.netns);
    if (unexpected !== undefined) throw unexpected.error;
    return failure === undefined;
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
    return [setLink(index, { up: false }, shown), setLink(index, { name, group: rubbishGroup }, shown)];
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
