// An AF_NETLINK socket: whole messages out, whole datagrams in, synchronously.

import { Errno, KernelError } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { errno, libc } from "./libc.ts";
import { type Netns, socketIn } from "./netns.ts";
import { attachFilter, type FilterStep } from "./socket-filter.ts";

/** Netlink protocols (linux/netlink.h). */
export const NetlinkProtocol = { route: 0, sockDiag: 4, netfilter: 12, generic: 16 } as const;
export type NetlinkProtocol = keyof typeof NetlinkProtocol;

const afNetlink = 16;
const sockRaw = 3;
const sockCloexec = 0o2000000;
const solSocket = 1;
const soRcvtimeo = 20;
const soRcvbufforce = 33;
const solNetlink = 270;
const netlinkAddMembership = 1;
const netlinkCapAck = 10;
const netlinkExtAck = 11;
const netlinkGetStrictChk = 12;
const msgTrunc = 0x20;
const fionbio = 0x5421n;

/** A kernel that does not answer within this time has lost the request. */
const answerTimeoutS = 30;
/** The kernel fills dumps in pieces of at most 32 KiB; a single reply (a link with hundreds of VFs) may be larger. */
const receiveBytes = 256 * 1024;

const one = Int32Array.of(1);

export class NetlinkSocket implements Disposable {
  readonly #fd: Fd;
  // Its own buffer object: the engine never moves it, so the kernel may write to it at any time.
  static readonly #buffer = new Uint8Array(new ArrayBuffer(receiveBytes));

  /** Opens a socket in `netns`, or in the process's own namespace. @throws KernelError */
  constructor(protocol: NetlinkProtocol, netns?: Netns) {
    this.#fd = socketIn(netns, afNetlink, sockRaw | sockCloexec, NetlinkProtocol[protocol]);
    for (const option of [netlinkExtAck, netlinkCapAck]) libc.setsockopt(this.#fd.number, solNetlink, option, one, 4);
    if (protocol === "route") libc.setsockopt(this.#fd.number, solNetlink, netlinkGetStrictChk, one, 4);
    libc.setsockopt(this.#fd.number, solSocket, soRcvtimeo, BigInt64Array.of(BigInt(answerTimeoutS), 0n), 16);
  }

  get fd(): number {
    return this.#fd.number;
  }

  /** @throws KernelError */
  send(bytes: Uint8Array): void {
    const sent = Number(libc.send(this.fd, bytes, bytes.length, 0));
    if (sent !== bytes.length) throw new KernelError("Cannot send a netlink request", errno());
  }

  /** One datagram, valid until the next `receive` on any socket. @throws KernelError, EAGAIN after 30 s of silence. */
  receive(): Uint8Array {
    const buffer = NetlinkSocket.#buffer;
    for (;;) {
      const size = Number(libc.recv(this.fd, buffer, buffer.length, msgTrunc));
      if (size > buffer.length)
        throw new KernelError(`Cannot receive a netlink message of ${size} bytes`, Errno.EMSGSIZE);
      if (size >= 0) return buffer.subarray(0, size);
      const error = errno();
      if (error !== Errno.EINTR) throw new KernelError("Cannot receive a netlink answer", error);
    }
  }

  /**
   * Subscribes to multicast groups, with room for `bufferBytes` of unread events. The socket is for an event loop from
   * now on: it does not wait.
   * @throws KernelError
   */
  join(groups: readonly number[], bufferBytes: number): void {
    libc.setsockopt(this.fd, solSocket, soRcvbufforce, Int32Array.of(bufferBytes), 4);
    if (libc.ioctl(this.fd, fionbio, one) < 0) {
      throw new KernelError("Cannot make a netlink socket non-blocking", errno());
    }
    // A socket without an address of its own has the kernel's, 0, and is skipped when the kernel is the sender.
    if (libc.bind(this.fd, Uint32Array.of(afNetlink, 0, 0), 12) < 0) {
      throw new KernelError("Cannot bind a netlink socket", errno());
    }
    for (const group of groups) {
      if (libc.setsockopt(this.fd, solNetlink, netlinkAddMembership, Int32Array.of(group), 4) < 0) {
        throw new KernelError(`Cannot join netlink group ${group}`, errno());
      }
    }
  }

  /** What the steps refuse is dropped by the kernel. @throws KernelError */
  filter(steps: readonly FilterStep[]): void {
    attachFilter(this.#fd, steps);
  }

  /** Hands the descriptor to an event loop, which closes it. */
  disown(): number {
    return this.#fd.disown();
  }

  [Symbol.dispose](): void {
    this.#fd[Symbol.dispose]();
  }
}
