// A connection to one netlink family: batches of requests in one send, dumps, and errors in the kernel's own words.

import type { Reader } from "#codec/codec.ts";
import { Writer } from "#codec/codec.ts";
import { Errno, errnoName, KernelError } from "#kernel/errno.ts";
import { type NetlinkProtocol, NetlinkSocket } from "#kernel/netlink-socket.ts";
import type { Netns } from "#kernel/netns.ts";
import { ControlType, Flag, type Message, type Request, readAck, readMessages, writeMessage } from "./message.ts";

/** A dump that the kernel flags as interrupted by a change is read again this often. */
const maxDumpRuns = 10;
/** Errors for so many requests fit a socket's default receive buffer, which holds 250: one that overruns loses the rest. */
const maxBatch = 128;

/** What the kernel answers where there is no such thing. */
const absences: ReadonlySet<string> = new Set(["ENODEV", "ENOENT", "ESRCH"]);

type Refusal = { readonly errno: number; readonly explanation: string };

/** The request of a batch that failed, and why. */
export type Failure = { readonly request: Request; readonly error: KernelError };

/**
 * Synchronous: the kernel answers a request within the system call that sends it.
 *
 *     using route = new Connection("route");
 *     route.apply([addLink(...), addRoute(...)]);
 */
export class Connection implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #trace: ((text: string) => void) | undefined;
  #sequence = 0;

  constructor(protocol: NetlinkProtocol, netns?: Netns, trace?: (text: string) => void) {
    this.#socket = new NetlinkSocket(protocol, netns);
    this.#trace = trace;
  }

  /**
   * Sends all requests in one system call, or in one for every 128. The kernel works through them in order and goes on
   * after one that fails; the first failure is thrown.
   * @throws KernelError `Cannot add route …: EEXIST (…)`
   */
  apply(requests: readonly Request[]): void {
    const [first] = this.tryApply(requests);
    if (first !== undefined) throw first.error;
  }

  /** As `apply`, but returns what failed; `allow`ed errors are none. */
  tryApply(requests: readonly Request[]): readonly Failure[] {
    const failures: Failure[] = [];
    for (let i = 0; i < requests.length; i += maxBatch) {
      failures.push(...this.#tryBatch(requests.slice(i, i + maxBatch)));
    }
    return failures;
  }

  #tryBatch(requests: readonly Request[]): readonly Failure[] {
    const writer = new Writer();
    const first = this.#sequence + 1;
    const last = this.#sequence + requests.length;
    requests.forEach((request, i) => {
      this.#trace?.(request.text);
      // Errors come for every request; only the last one's success must be told.
      writeMessage(writer, request, first + i, first + i === last ? Flag.ack : 0);
    });
    this.#sequence = last;
    this.#socket.send(writer.finish());
    const failures: Failure[] = [];
    for (let done = false; !done; ) {
      for (const message of readMessages(this.#socket.receive())) {
        if (message.type !== ControlType.error || message.sequence < first) continue;
        const { errno, explanation } = readAck(message);
        const request = requests[message.sequence - first];
        if (errno !== 0 && request !== undefined && !(request.allow?.includes(errnoName(errno)) ?? false)) {
          failures.push({ request, error: new KernelError(`Cannot ${request.text}`, errno, explanation) });
        }
        if (message.sequence === last) done = true;
      }
    }
    return failures;
  }

  /** One object by name or number. @throws KernelError when it does not exist. */
  get<T>(request: Request, read: (body: Reader, type: number) => T): T {
    const answer = this.#ask(request, read);
    if ("found" in answer) return answer.found;
    throw new KernelError(`Cannot ${request.text}`, answer.errno, answer.explanation);
  }

  /** As `get`, and undefined when the kernel answers that there is no such thing, or with an error that the request allows. */
  find<T>(request: Request, read: (body: Reader, type: number) => T): T | undefined {
    const answer = this.#ask(request, read);
    if ("found" in answer) return answer.found;
    const name = errnoName(answer.errno);
    if (absences.has(name) || request.allow?.includes(name) === true) return undefined;
    throw new KernelError(`Cannot ${request.text}`, answer.errno, answer.explanation);
  }

  /**
   * All objects; none when the kernel answers with an `allow`ed error. A dump that a change interrupted is read again.
   * @throws KernelError EINTR when it never settles.
   */
  dump<T>(request: Request, read: (body: Reader, type: number) => T): T[] {
    for (let run = 0; run < maxDumpRuns; run++) {
      const { items, interrupted } = this.#dumpOnce(request, read);
      if (!interrupted) return items;
    }
    throw new KernelError(
      `Cannot ${request.text}: the list changed ${maxDumpRuns} times while it was read`,
      Errno.EINTR,
    );
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  #ask<T>(request: Request, read: (body: Reader, type: number) => T): { readonly found: T } | Refusal {
    const sequence = ++this.#sequence;
    const writer = new Writer();
    writeMessage(writer, request, sequence, 0);
    this.#socket.send(writer.finish());
    for (;;) {
      for (const message of readMessages(this.#socket.receive())) {
        if (message.sequence !== sequence) continue;
        return message.type === ControlType.error ? readAck(message) : { found: read(message.body, message.type) };
      }
    }
  }

  #dumpOnce<T>(request: Request, read: (body: Reader, type: number) => T): { items: T[]; interrupted: boolean } {
    const sequence = ++this.#sequence;
    const writer = new Writer();
    writeMessage(writer, request, sequence, Flag.dump);
    this.#socket.send(writer.finish());
    const items: T[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of readMessages(this.#socket.receive())) {
        if (message.sequence !== sequence) continue;
        interrupted ||= (message.flags & Flag.dumpInterrupted) !== 0;
        if (message.type === ControlType.error || message.type === ControlType.done) {
          this.#throwOnError(request, message);
          return { items, interrupted };
        }
        items.push(read(message.body, message.type));
      }
    }
  }

  #throwOnError(request: Request, message: Message): void {
    const { errno, explanation } = readAck(message);
    if (errno === 0 || (request.allow?.includes(errnoName(errno)) ?? false)) return;
    throw new KernelError(`Cannot ${request.text}`, errno, explanation);
  }
}
