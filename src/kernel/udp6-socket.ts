// A UDP socket over IPv6 on one interface of a network namespace: link-local traffic, with the kernel's own neighbours.

import { type Ip, ipBytes } from "#net/ip.ts";
import { DatagramInbox } from "./datagram-inbox.ts";
import { KernelError } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { checked, errno, libc } from "./libc.ts";
import { type Netns, socketIn } from "./netns.ts";
import { attachFilter, type FilterStep } from "./socket-filter.ts";

const afInet6 = 10;
const sockDgram = 2;
const sockCloexec = 0o2000000;
const sockNonblock = 0o4000;
const solSocket = 1;
const soReuseaddr = 2;
const sockaddrBytes = 28;
const udpHeaderBytes = 8;

// Datagrams with at least one byte of payload; the filter sees the UDP header, too.
const notEmpty: readonly FilterStep[] = [
  [0x80, 0, 0, 0], // ld length
  [0x25, 0, 1, udpHeaderBytes], // greater, else drop
  [0x06, 0, 0, 0x40000], // accept
  [0x06, 0, 0, 0], // drop
];

export type Udp6Place = {
  readonly ifindex: number;
  /** Link-local address of that interface, or another of its addresses. */
  readonly address: Ip;
  readonly port: number;
};

/** Owns its descriptor; datagrams that arrive after `listen` are kept until `receive` asks for them. */
export class Udp6Socket implements Disposable {
  readonly #subject: string;
  readonly #ifindex: number;
  readonly #fd: Fd;
  readonly #inbox: DatagramInbox;

  /** Several may share one address and port. @throws KernelError, EADDRNOTAVAIL while the address is tentative. */
  constructor(netns: Netns, { ifindex, address, port }: Udp6Place) {
    this.#ifindex = ifindex;
    this.#subject = `UDP port ${port} of ${address} on interface #${ifindex} of network namespace "${netns.path}"`;
    this.#fd = socketIn(netns, afInet6, sockDgram | sockCloexec | sockNonblock, 0);
    this.#inbox = new DatagramInbox(this.#fd, this.#subject);
    try {
      attachFilter(this.#fd, notEmpty);
      const on = new Uint8Array([1, 0, 0, 0]);
      const failure = () => `Cannot open ${this.#subject}`;
      checked(libc.setsockopt(this.#fd.number, solSocket, soReuseaddr, on, on.length), failure);
      checked(libc.bind(this.#fd.number, sockaddr(address, port, ifindex), sockaddrBytes), failure);
    } catch (error) {
      this.#fd[Symbol.dispose]();
      throw error;
    }
  }

  /** Sends on the socket's interface. @throws KernelError, ENETUNREACH or EADDRNOTAVAIL when the interface is down. */
  send(payload: Uint8Array, to: Ip, port: number): void {
    if (this.#inbox.ended !== undefined) throw this.#inbox.ended;
    const address = sockaddr(to, port, this.#ifindex);
    const sent = Number(libc.sendto(this.#fd.number, payload, payload.length, 0, address, sockaddrBytes));
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

/** struct sockaddr_in6 */
function sockaddr(address: Ip, port: number, scope: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(sockaddrBytes));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, afInet6, true);
  view.setUint16(2, port, false);
  bytes.set(ipBytes(address), 8);
  view.setUint32(24, scope, true);
  return bytes;
}
