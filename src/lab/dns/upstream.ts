// Questions for names outside the cluster: asked of another server, by UDP.

import * as dns from "dns-packet";
import type { Upstream } from "./answer.ts";

export type UpstreamOptions = {
  readonly address: string;
  readonly port: number;
  /** A random 16-bit number for each question. */
  readonly randomId: () => number;
};

const timeoutMs = 2_000;
const attempts = 2;
/** Questions under way at once; more are refused, so that a silent server costs no memory. */
const maxPending = 256;

/** Asks one server. Each question has a socket of its own: its port is part of what an answer must match. */
export function upstreamAt({ address, port, randomId }: UpstreamOptions): Upstream {
  let pending = 0;
  return async (name, type) => {
    if (pending >= maxPending) return undefined;
    pending++;
    try {
      for (let attempt = 0; attempt < attempts; attempt++) {
        // It throws when nobody listens there, when no way leads there, and when the name fits no message.
        const reply = await ask(address, port, name, type, randomId()).catch(() => undefined);
        if (reply !== undefined) return reply;
      }
      return undefined;
    } finally {
      pending--;
    }
  };
}

async function ask(
  address: string,
  port: number,
  name: string,
  type: string,
  id: number,
): Promise<dns.Packet | undefined> {
  const { promise, resolve } = Promise.withResolvers<dns.Packet | undefined>();
  const socket = await Bun.udpSocket({
    // A socket is one of IPv4 unless it is bound to an address of the other family.
    hostname: address.includes(":") ? "::" : "0.0.0.0",
    connect: { hostname: address, port },
    socket: {
      data(_, message) {
        const reply = parseReply(message, id, name);
        if (reply !== undefined) resolve(reply);
      },
      error() {
        resolve(undefined);
      },
    },
  });
  const timer = setTimeout(() => resolve(undefined), timeoutMs);
  try {
    const questions = [{ name, type: type as dns.RecordType }];
    socket.send(dns.encode({ type: "query", id, flags: dns.RECURSION_DESIRED, questions }));
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

function parseReply(message: Buffer, id: number, name: string): dns.Packet | undefined {
  try {
    const reply = dns.decode(message);
    const asked = reply.questions?.[0]?.name.toLowerCase() === name.toLowerCase();
    return reply.type === "response" && reply.id === id && asked ? reply : undefined;
  } catch {
    return undefined;
  }
}
