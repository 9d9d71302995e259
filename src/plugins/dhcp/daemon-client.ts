// Hands a call to the DHCP daemon on its socket: the frames of the plugin service, which docs/shim-protocol.md draws.

import type { Call, Outcome } from "#cni/plugin.ts";
import { decodeAnswer, encodeRequest } from "#plugins/service/frame.ts";
import type { Namespaces } from "#plugins/service/identity.ts";

/** The daemon may live in another file tree and reaches namespaces by a prefix: it serves whoever can open its socket. */
export const anyCaller: Namespaces = { net: 0n, mount: 0n, root: 0n };

/** No daemon listens at the path. */
export class DaemonMissing extends Error {
  readonly code = "DAEMON_MISSING";

  constructor(path: string, cause?: unknown) {
    super(
      `No DHCP daemon answers at ${path}: start "twill plugins", which keeps leases itself, or "dhcp daemon -socketpath ${path}"`,
      { cause },
    );
  }
}

/** The daemon's outcome for the call. @throws DaemonMissing; DecodeError when something else answers there. */
export async function askDaemon(path: string, call: Call): Promise<Outcome> {
  const invocation = { plugin: "dhcp", env: call.env, stdin: new TextEncoder().encode(call.stdin) };
  const env = new Map(call.env).set("CNI_COMMAND", call.command);
  const answer = decodeAnswer(
    await exchange(path, encodeRequest({ caller: anyCaller, invocation: { ...invocation, env } })),
  );
  if (answer.action === "exec") throw new DaemonMissing(path);
  return answer.outcome;
}

async function exchange(path: string, request: Uint8Array): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const done = Promise.withResolvers<void>();
  let left = request;
  const write = (socket: { write: (bytes: Uint8Array) => number }) => {
    left = left.subarray(Math.max(0, socket.write(left)));
  };
  try {
    await Bun.connect({
      unix: path,
      socket: {
        open: write,
        drain: write,
        data: (_, piece) => void pieces.push(new Uint8Array(piece)),
        close: () => done.resolve(),
        error: (_, error) => done.reject(error),
      },
    });
  } catch (cause) {
    throw new DaemonMissing(path, cause);
  }
  await done.promise;
  // A daemon that ends without a word has not begun: it counts as absent.
  if (pieces.length === 0) throw new DaemonMissing(path);
  return new Uint8Array(Buffer.concat(pieces));
}
