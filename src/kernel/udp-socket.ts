// A UDP socket of a network namespace, bound and set up by whoever opens it.

import { type Family, familyOf, type Ip } from "#net/ip.ts";
import { DatagramInbox } from "./datagram-inbox.ts";
import { KernelError } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { checked, errno, libc } from "./libc.ts";
import { type Netns, socketIn } from "./netns.ts";
import { AddressFamily, internetAddress } from "./socket-address.ts";
import { attachFilter, type FilterStep } from "./socket-filter.ts";

const sockDgram = 2;
const sockCloexec = 0o2000000;
const sockNonblock = 0o4000;
const udpHeaderBytes = 8;

/** Datagrams with at least one byte of payload; the filter sees the UDP header, too. */
const notEmpty: readonly FilterStep[] = [
  [0x80, 0, 0, 0], // ld length
  [0x25, 0, 1, udpHeaderBytes], // greater, else drop
  [0x06, 0, 0, 0x40000], // accept
  [0x06, 0, 0, 0], // drop
];

/** One option of setsockopt(2). */
export type SocketOption = readonly [level: number, option: number, value: Uint8Array];

/** The value of options that are switches. */
export const switchedOn = new Uint8Array([1, 0, 0, 0]);

export type UdpPlace = {
  readonly family: Family;
  /** Undefined: all of the namespace's. */
  readonly address: Ip | undefined;
  /** 0: any that is free. */
  readonly port: number;
  /** The link of link-local addresses, own and others'; 0 for none. */
  readonly scope: number;
  /** Set before the socket is bound. */
  readonly options: readonly SocketOption[];
  /** The socket in errors: `UDP port 546 of fe80::1`. */
  readonly subject: string;
};

/** Owns its descriptor; datagrams that arrive after `listen` are kept until `receive` asks for them. */
export class UdpSocket implements Disposable {
  readonly #subject: string;
  readonly #scope: number;
  readonly #fd: Fd;
  readonly #inbox: DatagramInbox;

  /** `netns` undefined: the process's own. @throws KernelError as setsockopt(2) and bind(2) fail */
  constructor(netns: Netns | undefined, { family, address, port, scope, options, subject }: UdpPlace) {
    this.#subject = subject;
    this.#scope = scope;
    this.#fd = socketIn(netns, AddressFamily[family], sockDgram | sockCloexec | sockNonblock, 0);
    this.#inbox = new DatagramInbox(this.#fd, subject);
    const failure = () => `Cannot open ${subject}`;
    try {
      attachFilter(this.#fd, notEmpty);
      for (const [level, option, value] of options) {
        checked(libc.setsockopt(this.#fd.number, level, option, value, value.length), failure);
      }
      const place = internetAddress(family, address, port, scope);
      checked(libc.bind(this.#fd.number, place, place.length), failure);
    } catch (error) {
      this.#fd[Symbol.dispose]();
      throw error;
    }
  }

  /** @throws KernelError ENETUNREACH without a way there, EADDRNOTAVAIL when the link is down */
  send(payload: Uint8Array, to: Ip, port: number): void {
    if (this.#inbox.ended !== undefined) throw this.#inbox.ended;
    const place = internetAddress(familyOf(to), to, port, this.#scope);
    const sent = Number(libc.sendto(this.#fd.number, payload, payload.length, 0, place, place.length));
    if (sent !== payload.length) throw new KernelError(`Cannot send to ${to} from ${this.#subject}`, errno());
  }

  /** Begins to receive. @throws KernelError */
  listen(): Promise<void> {
    return this.#inbox.listen();
  }

  /** The next payload, as `DatagramInbox.receive`. @throws KernelError */
  receive(timeoutMs: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    return this.#inbox.receive(timeoutMs, signal);
  }

  [Symbol.dispose](): void {
    this.#inbox[Symbol.dispose]();
    this.#fd[Symbol.dispose]();
  }
}
