// A packet socket (packet(7)): whole Ethernet frames on one interface of a network namespace, filtered by the kernel.

import { ptr } from "bun:ffi";
import type { Socket, SocketHandler, UnixSocketOptions } from "bun";
import { KernelError } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { errno, libc } from "./libc.ts";
import { native } from "./native.ts";
import { type Netns, socketIn } from "./netns.ts";

/** linux/if_ether.h */
export const EtherType = { ipv4: 0x0800, ipv6: 0x86dd } as const;

/** One instruction of classic BPF (linux/filter.h, struct sock_filter). */
export type FilterStep = readonly [code: number, jumpTrue: number, jumpFalse: number, k: number];

export type PacketSocketOptions = {
  /** An `EtherType`. */
  readonly etherType: number;
  /** What the kernel lets through; everything of that type without one. */
  readonly filter: readonly FilterStep[];
};

const afPacket = 17;
const sockRaw = 3;
const sockCloexec = 0o2000000;
const sockNonblock = 0o4000;
const solSocket = 1;
const soAttachFilter = 26;
/** fcntl(2), F_DUPFD_CLOEXEC */
const duplicateCloexec = 1030;
const sockaddrBytes = 20;
/** Frames that nobody has asked for yet; more are dropped, as the kernel would. */
const maxWaiting = 64;

/** Owns its descriptor; frames that arrive after `listen` are kept until `receive` asks for them. */
export class PacketSocket implements Disposable {
  readonly #interface: string;
  readonly #fd: Fd;
  #stream: Socket<undefined> | undefined;
  #waiting: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  #closed: Error | undefined;

  /** @throws KernelError, ENODEV when the namespace has no interface of that index. */
  constructor(netns: Netns, ifindex: number, { etherType, filter }: PacketSocketOptions) {
    this.#interface = `interface #${ifindex} of network namespace "${netns.path}"`;
    // Without a protocol it receives nothing: no frame slips in before the filter is attached.
    const fd = socketIn(netns, afPacket, sockRaw | sockCloexec | sockNonblock, 0);
    this.#fd = fd;
    try {
      attachFilter(fd, filter);
      const address = new Uint8Array(new ArrayBuffer(sockaddrBytes)); // struct sockaddr_ll
      const view = new DataView(address.buffer);
      view.setUint16(0, afPacket, true);
      view.setUint16(2, etherType, false);
      view.setInt32(4, ifindex, true);
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
    if (this.#closed !== undefined) throw this.#closed;
    const sent = Number(libc.send(this.#fd.number, frame, frame.length, 0));
    if (sent !== frame.length) throw new KernelError(`Cannot send a frame on ${this.#interface}`, errno());
  }

  /** Begins to receive. */
  async listen(): Promise<void> {
    // The engine gets a descriptor of its own, which it closes when it likes.
    const fd = libc.fcntl(this.#fd.number, duplicateCloexec, 0);
    if (fd < 0) throw new KernelError(`Cannot listen on ${this.#interface}`, errno());
    const socket: SocketHandler<undefined> = {
      data: (_, frame) => {
        if (this.#waiting.length < maxWaiting) this.#waiting.push(new Uint8Array(frame));
        this.#wake?.();
      },
      error: (_, error) => this.#end(error),
      close: (_, error) => this.#end(error),
    };
    // The engine takes a descriptor here, of which its types do not speak; each `data` is one frame.
    const options = { fd, socket };
    this.#stream = await Bun.connect(options as unknown as UnixSocketOptions<undefined>);
  }

  /**
   * The next frame; undefined when none comes within the time or the signal aborts.
   * @throws KernelError when the interface went down or away.
   */
  async receive(timeoutMs: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    if (this.#waiting.length === 0 && this.#closed === undefined && signal?.aborted !== true) {
      await this.#arrival(timeoutMs, signal);
    }
    const frame = this.#waiting.shift();
    if (frame === undefined && this.#closed !== undefined) throw this.#closed;
    return frame;
  }

  [Symbol.dispose](): void {
    this.#stream?.terminate();
    this.#stream = undefined;
    // The last close of a packet socket waits for RCU, some 15 ms: it is made aside. Sending nothing is refused, and no more.
    native().twill_send_aside(this.#fd.disown(), new Uint8Array(1), 0n);
  }

  async #arrival(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    const give = () => resolve();
    signal?.addEventListener("abort", give, { once: true });
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
    signal?.removeEventListener("abort", give);
    this.#wake = undefined;
  }

  #end(cause: unknown): void {
    const enetdown = 100;
    this.#closed ??= new KernelError(
      `Cannot go on with ${this.#interface}`,
      cause instanceof Error && "errno" in cause ? Math.abs(Number(cause.errno)) : enetdown,
    );
    this.#wake?.();
  }
}

function attachFilter(fd: Fd, steps: readonly FilterStep[]): void {
  if (steps.length === 0) return;
  const program = new Uint8Array(new ArrayBuffer(steps.length * 8));
  const view = new DataView(program.buffer);
  steps.forEach(([code, jumpTrue, jumpFalse, k], index) => {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jumpTrue);
    view.setUint8(index * 8 + 3, jumpFalse);
    view.setUint32(index * 8 + 4, k, true);
  });
  const header = new Uint8Array(new ArrayBuffer(16)); // struct sock_fprog
  const headerView = new DataView(header.buffer);
  headerView.setUint16(0, steps.length, true);
  headerView.setBigUint64(8, BigInt(ptr(program)), true);
  const result = libc.setsockopt(fd.number, solSocket, soAttachFilter, header, header.length);
  // The kernel reads the program during the call only; this keeps it alive until then.
  if (result < 0) throw new KernelError(`Cannot attach a filter of ${program.length / 8} steps`, errno());
}
