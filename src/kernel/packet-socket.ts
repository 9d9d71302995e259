// A packet socket (packet(7)): whole Ethernet frames on one interface of a network namespace, filtered by the kernel.

import { DatagramInbox } from "./datagram-inbox.ts";
import { KernelError } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { errno, libc } from "./libc.ts";
import { native } from "./native.ts";
import { type Netns, socketIn } from "./netns.ts";
import { AddressFamily, linkAddress } from "./socket-address.ts";
import { attachFilter, type FilterStep } from "./socket-filter.ts";

/** linux/if_ether.h */
export const EtherType = { ipv4: 0x0800, ipv6: 0x86dd } as const;

export type PacketSocketOptions = {
  /** An `EtherType`. */
  readonly etherType: number;
  /** What the kernel lets through; everything of that type without one. */
  readonly filter: readonly FilterStep[];
};

const sockRaw = 3;
const sockCloexec = 0o2000000;
const sockNonblock = 0o4000;

/** Owns its descriptor; frames that arrive after `listen` are kept until `receive` asks for them. */
export class PacketSocket implements Disposable {
  readonly #interface: string;
  readonly #fd: Fd;
  readonly #inbox: DatagramInbox;

  /** @throws KernelError, ENODEV when the namespace has no interface of that index. */
  constructor(netns: Netns, ifindex: number, { etherType, filter }: PacketSocketOptions) {
    this.#interface = `interface #${ifindex} of network namespace "${netns.path}"`;
    // Without a protocol it receives nothing: no frame slips in before the filter is attached.
    const fd = socketIn(netns, AddressFamily.packet, sockRaw | sockCloexec | sockNonblock, 0);
    this.#fd = fd;
    this.#inbox = new DatagramInbox(fd, this.#interface);
    try {
      attachFilter(fd, filter);
      const address = linkAddress(ifindex, etherType);
      if (libc.bind(fd.number, address, address.length) < 0) {
        throw new KernelError(`Cannot open a packet socket on ${this.#interface}`, errno());
      }
    } catch (error) {
      fd[Symbol.dispose]();
      throw error;
    }
  }

  /** Sends a whole frame. @throws KernelError, ENETDOWN when the interface is down. */
  send(frame: Uint8Array): void {
    if (this.#inbox.ended !== undefined) throw this.#inbox.ended;
    const sent = Number(libc.send(this.#fd.number, frame, frame.length, 0));
    if (sent !== frame.length) throw new KernelError(`Cannot send a frame on ${this.#interface}`, errno());
  }

  /** Begins to receive. @throws KernelError */
  listen(): Promise<void> {
    return this.#inbox.listen();
  }

  /** The next frame, as `DatagramInbox.receive`. @throws KernelError */
  receive(timeoutMs: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    return this.#inbox.receive(timeoutMs, signal);
  }

  [Symbol.dispose](): void {
    this.#inbox[Symbol.dispose]();
    // The last close of a packet socket waits for RCU, some 15 ms: it is made aside. Sending nothing is refused, and no more.
    native().twill_send_aside(this.#fd.disown(), new Uint8Array(1), 0n);
  }
}
