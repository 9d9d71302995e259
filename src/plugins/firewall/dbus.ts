// A connection to the system's D-Bus: calls with strings, one at a time (D-Bus Specification, "Authentication Protocol").

import { messageOf } from "#base/error-message.ts";
import { decodeReply, encodeCall, lengthOfMessage, type MethodCall, type Reply } from "./dbus-message.ts";

/** Longest wait for the next bytes. */
const silenceS = 10;

/** Calls to the bus itself begin so. */
export const theBus = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
} as const;

/** Nothing answers on the bus's socket, or the connection broke. */
export class BusUnavailable extends Error {
  readonly code = "BUS_UNAVAILABLE";
}

/** The called method failed. */
export class MethodError extends Error {
  readonly code = "METHOD";
  /** What D-Bus calls the error: `org.freedesktop.DBus.Error.NoReply`. */
  readonly errorName: string;
  readonly text: string;

  constructor(call: MethodCall, errorName: string, text: string) {
    super(`Cannot call ${call.member}(${call.args.join(", ")}) of ${call.destination}: ${text || errorName}`);
    this.errorName = errorName;
    this.text = text;
  }
}

type Socket = { readonly write: (bytes: Uint8Array) => number; readonly end: () => void };

/** `using bus = await SystemBus.open(path)`. */
export class SystemBus implements Disposable {
  #socket: Socket | undefined;
  #unsent = new Uint8Array();
  #received = new Uint8Array();
  #authenticated = false;
  #failure: BusUnavailable | undefined;
  #waiting: { readonly serial: number; readonly settle: (reply: Reply | BusUnavailable) => void } | undefined;
  #serial = 0;
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** @throws BusUnavailable */
  static async open(path: string): Promise<SystemBus> {
    const bus = new SystemBus(path);
    try {
      const socket = await Bun.connect({
        unix: path,
        socket: {
          data: (_, piece) => bus.#take(piece),
          drain: () => bus.#flush(),
          close: () => bus.#fail("it closed the connection"),
          error: (_, error) => bus.#fail(error.message),
          timeout: () => bus.#fail(`it said nothing for ${silenceS} seconds`),
        },
      });
      bus.#socket = socket;
      socket.timeout(silenceS);
    } catch (cause) {
      throw new BusUnavailable(`No D-Bus answers at ${path}`, { cause });
    }
    // All that the bus could say to this is yes, or an error which the first call meets.
    const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString("hex");
    bus.#send(new TextEncoder().encode(`\0AUTH EXTERNAL ${uid}\r\nBEGIN\r\n`));
    try {
      await bus.call({ ...theBus, member: "Hello", args: [] });
    } catch (error) {
      bus[Symbol.dispose]();
      throw error;
    }
    return bus;
  }

  /** The values that the method returns. Not to be called again before it has answered. @throws MethodError, BusUnavailable */
  async call(call: MethodCall): Promise<readonly (string | number | boolean)[]> {
    if (this.#failure !== undefined) throw this.#failure;
    const serial = ++this.#serial;
    const answer = Promise.withResolvers<Reply | BusUnavailable>();
    this.#waiting = { serial, settle: answer.resolve };
    this.#send(encodeCall(call, serial));
    const reply = await answer.promise;
    if (reply instanceof BusUnavailable) throw reply;
    if ("error" in reply) throw new MethodError(call, reply.error, reply.text);
    return reply.values;
  }

  [Symbol.dispose](): void {
    this.#failure ??= new BusUnavailable(`The connection to the D-Bus at ${this.#path} is closed`);
    this.#socket?.end();
  }

  #send(bytes: Uint8Array): void {
    this.#unsent = new Uint8Array(Buffer.concat([this.#unsent, bytes]));
    this.#flush();
  }

  #flush(): void {
    const written = this.#socket?.write(this.#unsent) ?? 0;
    this.#unsent = this.#unsent.subarray(Math.max(0, written));
  }

  #take(piece: Uint8Array): void {
    this.#received = new Uint8Array(Buffer.concat([this.#received, piece]));
    try {
      if (!this.#authenticated && !this.#takeAnswer()) return;
      for (let length = this.#nextLength(); length !== undefined; length = this.#nextLength()) {
        const reply = decodeReply(this.#received.subarray(0, length));
        this.#received = this.#received.slice(length);
        if (reply !== undefined && reply.replySerial === this.#waiting?.serial) this.#waiting.settle(reply);
      }
    } catch (error) {
      this.#fail(messageOf(error));
    }
  }

  /** The line that answers AUTH: whether it is there. */
  #takeAnswer(): boolean {
    const end = this.#received.indexOf(0x0a);
    if (end < 0) return false;
    const line = new TextDecoder().decode(this.#received.subarray(0, end)).trim();
    this.#received = this.#received.slice(end + 1);
    if (!line.startsWith("OK ")) {
      this.#fail(`it does not know user ${process.getuid?.() ?? 0}: ${line}`);
      return false;
    }
    this.#authenticated = true;
    return true;
  }

  #nextLength(): number | undefined {
    const length = lengthOfMessage(this.#received);
    return length === undefined || this.#received.length < length ? undefined : length;
  }

  #fail(why: string): void {
    this.#failure ??= new BusUnavailable(`The D-Bus at ${this.#path} does not answer: ${why}`);
    this.#waiting?.settle(this.#failure);
    this.#socket?.end();
  }
}
