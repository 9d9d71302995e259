// A packet socket (packet(7)) that hands frames on as they come: with what the kernel still has to do for them, in both directions.

import type { Socket, SocketHandler, UnixSocketOptions } from "bun";
import { KernelError } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { checked, errno, libc } from "./libc.ts";
import { type Netns, socketIn } from "./netns.ts";
import { AddressFamily, linkAddress } from "./socket-address.ts";
import { attachFilter } from "./socket-filter.ts";

const sockRaw = 3;
const sockCloexec = 0o2000000;
const sockNonblock = 0o4000;
const everyProtocol = 3; // ETH_P_ALL
const solPacket = 263;
const packetVnetHdr = 15;
const solSocket = 1;
const soRcvbufforce = 33;
const receiveBufferBytes = 8 * 2 ** 20;
/** linux/filter.h: SKF_AD_OFF + SKF_AD_MARK, where a filter finds the mark of a packet. */
const markOffset = 0xffff_f014;

/**
 * Frames are preceded by a struct virtio_net_hdr: checksums that are still to be made, and how a frame larger than the MTU is to be cut.
 * Sent as they were received, they are what they were.
 */
export class FrameSocket implements Disposable {
  readonly #ifindex: number;
  readonly #subject: string;
  readonly #fd: Fd;
  #stream: Socket<undefined> | undefined;

  /** Receives nothing before `receive`. @throws KernelError, ENODEV without such an interface */
  constructor(netns: Netns | undefined, ifindex: number) {
    this.#ifindex = ifindex;
    this.#subject = `interface #${ifindex}`;
    this.#fd = socketIn(netns, AddressFamily.packet, sockRaw | sockCloexec | sockNonblock, 0);
    try {
      this.#set(solPacket, packetVnetHdr, 1);
      this.#bind(0);
    } catch (error) {
      this.#fd[Symbol.dispose]();
      throw error;
    }
  }

  /** Hands every frame with this mark to `take`, in a buffer of its own. Once. @throws KernelError */
  async receive(mark: number, take: (frame: Uint8Array) => void): Promise<void> {
    this.#set(solSocket, soRcvbufforce, receiveBufferBytes);
    attachFilter(this.#fd, [
      [0x20, 0, 0, markOffset], // ld mark
      [0x15, 0, 1, mark], // equal, else drop
      [0x06, 0, 0, 0x40000], // accept
      [0x06, 0, 0, 0], // drop
    ]);
    this.#bind(everyProtocol);
    const socket: SocketHandler<undefined> = { data: (_, frame) => take(new Uint8Array(frame)), error: () => {} };
    // The engine takes a descriptor here, of which its types do not speak; each `data` is one frame.
    const options = { fd: this.#fd.disown(), socket };
    this.#stream = await Bun.connect(options as unknown as UnixSocketOptions<undefined>);
  }

  /** False when the kernel has no room for it, as on a link that is too slow. @throws KernelError */
  send(frame: Uint8Array): boolean {
    if (Number(libc.send(this.#fd.number, frame, frame.length, 0)) === frame.length) return true;
    const error = new KernelError(`Cannot send a frame on ${this.#subject}`, errno());
    if (["ENOBUFS", "EAGAIN"].includes(error.errnoName)) return false;
    throw error;
  }

  [Symbol.dispose](): void {
    if (this.#stream === undefined) this.#fd[Symbol.dispose]();
    else this.#stream.terminate();
  }

  #set(level: number, option: number, value: number): void {
    const bytes = new Uint8Array(new Uint32Array([value]).buffer);
    checked(
      libc.setsockopt(this.#fd.number, level, option, bytes, bytes.length),
      () => `Cannot set up a packet socket on ${this.#subject}`,
    );
  }

  #bind(protocol: number): void {
    const address = linkAddress(this.#ifindex, protocol);
    checked(
      libc.bind(this.#fd.number, address, address.length),
      () => `Cannot open a packet socket on ${this.#subject}`,
    );
  }
}
