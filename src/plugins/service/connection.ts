// One connection of the shim: a call comes in, runs, and is answered; or the caller vanishes and the call is told so.

import type { Socket } from "bun";
import { messageOf } from "#base/error-message.ts";
import { CniError, ErrorCode, formatError, toCniError } from "#cni/error.ts";
import type { Invocation, Outcome } from "#cni/plugin.ts";
import { newestVersion } from "#cni/version.ts";
import { type Answer, encodeAnswer, type Request } from "./frame.ts";
import type { Namespaces } from "./identity.ts";
import { RequestReceiver } from "./receiver.ts";

/** How a call that arrived is run. The signal aborts when nobody waits for the outcome any more. */
export type Handle = (invocation: Invocation, signal: AbortSignal) => Promise<Outcome>;

/** Whether a service takes a call of the plugin that was made there. */
export type Admits = (plugin: string, caller: Namespaces) => boolean;

/** What all connections of a service share. */
export type ConnectionContext = {
  readonly handle: Handle;
  /** Other calls run stand-alone. */
  readonly admits: Admits;
  readonly log: (line: string) => void;
  /** From connecting to the last byte of the request. */
  readonly receiveTimeoutMs: number;
  /** From the outcome to the caller having taken it. */
  readonly answerTimeoutMs: number;
  /** Called once, when the connection is gone and its call has ended. */
  readonly ended: (connection: Connection) => void;
};

/** Owns one socket, from its opening to its closing, and the call that came through it. */
export class Connection {
  readonly #context: ConnectionContext;
  readonly #socket: Socket<Connection>;
  readonly #receiver = new RequestReceiver();
  readonly #controller = new AbortController();
  #state: "receiving" | "running" | "answering" = "receiving";
  #open = true;
  #unsent: Uint8Array = new Uint8Array(0);
  #timer: Timer;

  constructor(context: ConnectionContext, socket: Socket<Connection>) {
    this.#context = context;
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#receivedTooLittle(), context.receiveTimeoutMs);
  }

  /** Bytes from the caller. */
  receive(piece: Uint8Array): void {
    if (this.#state === "answering") return;
    if (this.#state === "running") {
      this.#context.log("A caller sent more than its request: its call is undone");
      this.#socket.terminate();
      return;
    }
    let received: ReturnType<RequestReceiver["push"]>;
    try {
      received = this.#receiver.push(piece);
    } catch (error) {
      const problem = messageOf(error);
      this.refuse(new CniError(ErrorCode.decodingFailure, problem));
      return;
    }
    if (received === "incomplete") return;
    // A shim of another release: the stand-alone executable that was installed with it does the work.
    if (received === "unknown version") this.sendAway();
    else this.#begin(received);
  }

  /** The caller is gone, before or after it was answered. */
  closed(): void {
    this.#open = false;
    clearTimeout(this.#timer);
    if (this.#state === "running") this.#controller.abort(new Error("The caller is gone"));
    else this.#context.ended(this);
  }

  /** The socket takes bytes again. */
  drained(): void {
    if (this.#unsent.length > 0) this.#flush();
  }

  /** Answers with an error instead of running the call. */
  refuse(error: CniError): void {
    this.#context.log(`Refused a call: ${error.message}`);
    this.#answer({ action: "answer", outcome: failure(error) });
  }

  /** Has the call run stand-alone, if it has not begun. */
  sendAway(): void {
    if (this.#state === "receiving") this.#answer({ action: "exec" });
  }

  /** Tells a running call to undo what it did; the caller still gets its outcome. */
  abort(reason: string): void {
    if (this.#state === "running") this.#controller.abort(new Error(reason));
  }

  /** Drops the caller, answered or not. */
  terminate(): void {
    this.#socket.terminate();
  }

  #begin(request: Request): void {
    if (!this.#context.admits(request.invocation.plugin, request.caller)) {
      this.sendAway();
      return;
    }
    this.#state = "running";
    clearTimeout(this.#timer);
    void this.#run(request.invocation);
  }

  async #run(invocation: Invocation): Promise<void> {
    let outcome: Outcome;
    try {
      outcome = await this.#context.handle(invocation, this.#controller.signal);
    } catch (error) {
      this.#context.log(`A call of ${invocation.plugin} failed without an outcome: ${toCniError(error).message}`);
      outcome = failure(error);
    }
    if (this.#open) this.#answer({ action: "answer", outcome });
    else this.#context.ended(this);
  }

  #answer(answer: Answer): void {
    if (!this.#open || this.#state === "answering") return;
    this.#state = "answering";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#socket.terminate(), this.#context.answerTimeoutMs);
    this.#unsent = encodeOrExplain(answer);
    this.#flush();
  }

  // `end(bytes)` would drop what does not fit into the socket's buffer; so bytes wait here until the socket drains.
  #flush(): void {
    const written = this.#socket.write(this.#unsent);
    if (written < 0) return; // Closed under us: `closed` follows.
    this.#unsent = this.#unsent.subarray(written);
    if (this.#unsent.length === 0) this.#socket.end();
  }

  #receivedTooLittle(): void {
    const seconds = this.#context.receiveTimeoutMs / 1000;
    this.refuse(new CniError(ErrorCode.ioFailure, `The request did not arrive within ${seconds} s`));
  }
}

function encodeOrExplain(answer: Answer): Uint8Array {
  try {
    return encodeAnswer(answer);
  } catch (error) {
    return encodeAnswer({ action: "answer", outcome: failure(error) });
  }
}

function failure(error: unknown): Outcome {
  return { exitCode: 1, stdout: formatError(error, newestVersion), stderr: "" };
}
