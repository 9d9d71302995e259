// Serves CNI calls that the shim passes over a unix socket.
//
//   runtime ─► shim ─► socket ─► Connection ─► handle(invocation, signal)
//                                    └─ answer: output and exit code, or "run stand-alone"

import type { Socket, SocketHandler, UnixSocketListener } from "bun";
import { messageOf } from "#base/error-message.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import { type Admits, Connection, type ConnectionContext, type Handle } from "./connection.ts";
import { type Namespaces, sameNamespaces } from "./identity.ts";
import { claimSocketPath, type ServicePlace } from "./socket-path.ts";

export type ServiceLimits = {
  /** Connections at one time; a call beyond them is told to try again later (CNI code 11). */
  readonly maxConnections: number;
  /** From connecting to the last byte of the request. */
  readonly receiveTimeoutMs: number;
  /** From the outcome to the caller having taken it. */
  readonly answerTimeoutMs: number;
  /** How often the service looks whether its socket is still there. */
  readonly inspectMs: number;
  /** For aborted calls to undo what they did, before the service ends without them. */
  readonly undoMs: number;
};

const defaultLimits: ServiceLimits = {
  maxConnections: 1024,
  receiveTimeoutMs: 10_000,
  answerTimeoutMs: 30_000,
  inspectMs: 5_000,
  undoMs: 5_000,
};

/** Time for what the kernel has accepted already to come up as a connection, once nobody can find the socket any more. */
const backlogMs = 20;

export type ServiceOptions = {
  /** Absolute, at most 101 bytes; or the socket that was handed over. */
  readonly path: string | ServicePlace;
  /**
   * Runs one call. Calls run side by side; the handler serialises those that must not. It resolves, also for errors: what it
   * throws becomes CNI error 999. The signal aborts when the caller is gone or the service ends: undo what was done, then resolve.
   */
  readonly handle: Handle;
  /** `ownNamespaces()`: callers from elsewhere are sent away; the shim then does without a service. */
  readonly identity: Namespaces;
  /** Whether a call of this plugin from there is served; unless given, where the caller is in every way here. */
  readonly admits?: Admits;
  readonly log: (line: string) => void;
  readonly limits?: Partial<ServiceLimits>;
};

/**
 * Serves on `path` until `stop` is called.
 *
 *     await using service = await servePlugins({ path, handle, identity: ownNamespaces(), log });
 *
 * @throws SocketPathError when another service runs there or the socket cannot be made.
 */
export async function servePlugins(options: ServiceOptions): Promise<PluginService> {
  const { path } = options;
  return new PluginService(options, typeof path === "string" ? await claimSocketPath(path) : path);
}

/** A running service; owns its socket, its lock, and all connections. */
export class PluginService implements AsyncDisposable {
  readonly #place: ServicePlace;
  readonly #limits: ServiceLimits;
  readonly #context: ConnectionContext;
  readonly #log: (line: string) => void;
  readonly #connections = new Set<Connection>();
  readonly #inspection: Timer;
  #listener: UnixSocketListener<Connection>;
  #displaced = false;
  #idle: (() => void) | undefined;
  #stopped: Promise<void> | undefined;

  /** Use `servePlugins`. */
  constructor(options: ServiceOptions, place: ServicePlace) {
    this.#place = place;
    this.#log = options.log;
    this.#limits = { ...defaultLimits, ...options.limits };
    const admits: Admits = options.admits ?? ((_plugin, caller) => sameNamespaces(caller, options.identity));
    this.#context = { ...options, admits, ...this.#limits, ended: (connection) => this.#ended(connection) };
    try {
      this.#listener = this.#listen();
    } catch (error) {
      place[Symbol.dispose]();
      throw error;
    }
    this.#inspection = setInterval(() => this.#inspect(), this.#limits.inspectMs);
    this.#inspection.unref();
  }

  get path(): string {
    return this.#place.path;
  }

  /** Connections whose call has not ended or whose answer is not taken yet. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Takes no more calls, lets running ones finish for `graceMs`, aborts those that are left, and gives the path up. Calls that
   * arrive meanwhile run stand-alone: none is lost, and none is begun that could not be finished.
   */
  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0);
  }

  async #stop(graceMs: number): Promise<void> {
    clearInterval(this.#inspection);
    this.#place.retract();
    for (const connection of this.#connections) connection.sendAway();
    await Bun.sleep(backlogMs);
    this.#listener.stop();
    await this.#idleWithin(graceMs);
    for (const connection of this.#connections) connection.abort("The service ends");
    await this.#idleWithin(this.#limits.undoMs);
    if (this.#connections.size > 0) this.#log(`Ended with ${this.#connections.size} calls unfinished`);
    for (const connection of this.#connections) connection.terminate();
    this.#place[Symbol.dispose]();
  }

  #idleWithin(timeoutMs: number): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    this.#idle = resolve;
    return promise.finally(() => clearTimeout(timer));
  }

  #ended(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#idle?.();
  }

  #opened(socket: Socket<Connection>): void {
    const connection = new Connection(this.#context, socket);
    socket.data = connection;
    this.#connections.add(connection);
    if (this.#stopped !== undefined) connection.sendAway();
    else if (this.#connections.size > this.#limits.maxConnections) {
      const problem = `The service at ${this.path} has ${this.#limits.maxConnections} calls already; try again`;
      connection.refuse(new CniError(ErrorCode.tryAgainLater, problem));
    }
  }

  #listen(): UnixSocketListener<Connection> {
    const socket: SocketHandler<Connection> = {
      open: (socket) => this.#opened(socket),
      data: (socket, piece) => socket.data.receive(piece),
      drain: (socket) => socket.data.drained(),
      close: (socket) => socket.data.closed(),
      error: (_socket, error) => this.#log(`A connection failed: ${error.message}`),
    };
    // The engine takes a descriptor here, of which its types do not speak.
    return this.#place.publish((at) => Bun.listen<Connection>({ ...(at as { readonly unix: string }), socket }));
  }

  // Someone who cleans /run must not cut the service off for good; but a socket that another put there is theirs.
  #inspect(): void {
    const found = this.#place.inspect();
    if (found === "nothing") {
      const before = this.#listener;
      try {
        this.#listener = this.#listen();
        before.stop();
        this.#log(`${this.path} was removed: made it again`);
      } catch (error) {
        this.#log(messageOf(error));
      }
    }
    if (found === "foreign" && !this.#displaced)
      this.#log(`${this.path} was replaced by another file: no call comes in`);
    this.#displaced = found === "foreign";
  }
}
