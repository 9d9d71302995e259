// The port on which a kubelet asks whether something is well, and Prometheus for its figures.

import { messageOf } from "#base/error-message.ts";
import { isErrno } from "#kernel/errno.ts";

/** The port cannot be had; the message says what to do. */
export class HealthPortError extends Error {
  readonly code = "HEALTH_PORT";
}

type HealthPortOptions = {
  /** All addresses unless given. */
  readonly hostname?: string;
  /** 0: any. */
  readonly port: number;
  /** Where another port is given: `health.port`. */
  readonly setting: string;
  readonly fetch: (request: Request) => Response;
};

/** Serves until it is disposed; `port` is the one that was taken. @throws HealthPortError */
export function serveHealthPort({ setting, ...options }: HealthPortOptions): Disposable & { readonly port: number } {
  const { hostname, port } = options;
  const place = hostname === undefined ? `port ${port}` : `${hostname}:${port}`;
  try {
    const server = Bun.serve(options);
    return { port: server.port ?? port, [Symbol.dispose]: () => void server.stop(true) };
  } catch (cause) {
    const isTaken = isErrno(cause, "EADDRINUSE");
    const problem = isTaken ? "another program has it; end that one, or" : `${messageOf(cause)};`;
    throw new HealthPortError(`Cannot serve /healthz on ${place}: ${problem} set ${setting} to another`, { cause });
  }
}
