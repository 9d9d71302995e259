// Datagrams that arrive at a socket, kept until somebody asks for them.

import type { Socket, SocketHandler, UnixSocketOptions } from "bun";
import { Errno, KernelError } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { errno, libc } from "./libc.ts";

/** fcntl(2), F_DUPFD_CLOEXEC */
const duplicateCloexec = 1030;
/** Datagrams that nobody has asked for yet; more are dropped, as the kernel would. */
const maxWaiting = 64;

/**
 * Reads a datagram socket by the engine's event loop. The socket's filter must keep empty datagrams out: the engine takes one
 * for the end.
 */
export class DatagramInbox implements Disposable {
  readonly #fd: Fd;
  readonly #subject: string;
  #stream: Socket<undefined> | undefined;
  #waiting: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  #ended: KernelError | undefined;

  /** `subject` names the socket in errors. The descriptor stays the caller's. */
  constructor(fd: Fd, subject: string) {
    this.#fd = fd;
    this.#subject = subject;
  }

  /** Why nothing comes any more. */
  get ended(): KernelError | undefined {
    return this.#ended;
  }

  /** Begins to receive. @throws KernelError */
  async listen(): Promise<void> {
    // The engine gets a descriptor of its own, which it closes when it likes.
    const fd = libc.fcntl(this.#fd.number, duplicateCloexec, 0);
    if (fd < 0) throw new KernelError(`Cannot listen on ${this.#subject}`, errno());
    const socket: SocketHandler<undefined> = {
      data: (_, datagram) => {
        if (this.#waiting.length < maxWaiting) this.#waiting.push(new Uint8Array(datagram));
        this.#wake?.();
      },
      error: (_, error) => this.#end(error),
      close: (_, error) => this.#end(error),
    };
    // The engine takes a descriptor here, of which its types do not speak; each `data` is one datagram.
    const options = { fd, socket };
    this.#stream = await Bun.connect(options as unknown as UnixSocketOptions<undefined>);
  }

  /**
   * The next datagram; undefined when none comes within the time or the signal aborts.
   * @throws KernelError when the interface went down or away.
   */
  async receive(timeoutMs: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    if (this.#waiting.length === 0 && this.#ended === undefined && signal?.aborted !== true) {
      await this.#arrival(timeoutMs, signal);
    }
    const datagram = this.#waiting.shift();
    if (datagram === undefined && this.#ended !== undefined) throw this.#ended;
    return datagram;
  }

  [Symbol.dispose](): void {
    this.#stream?.terminate();
    this.#stream = undefined;
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
    this.#ended ??= new KernelError(
      `Cannot go on with ${this.#subject}`,
      cause instanceof Error && "errno" in cause ? Math.abs(Number(cause.errno)) : Errno.ENETDOWN,
    );
    this.#wake?.();
  }
}
