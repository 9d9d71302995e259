// Sockets of a network namespace: listed by whom they are connected to, and closed by force (linux/inet_diag.h).

import type { Infer } from "#codec/codec.ts";
import { fixed, named, padding, u8, u16be, u32, u64 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { errnoOf, isErrno, KernelError } from "#kernel/errno.ts";
import { type Family, families, type Ip, ipFromBytes } from "#net/ip.ts";
import { family } from "./address-field.ts";
import type { Connection } from "./connection.ts";
import { makeRequest, type Request } from "./message.ts";

/** SOCK_DIAG_BY_FAMILY, SOCK_DESTROY */
const MessageType = { list: 20, destroy: 21 } as const;

const addressBytes = 16;
/** struct inet_diag_sockid; an IPv4 address fills the first 4 bytes. */
const socketId = struct({
  sourcePort: u16be,
  destinationPort: u16be,
  source: fixed(addressBytes),
  destination: fixed(addressBytes),
  ifindex: u32,
  cookie: u64,
});
/** IPPROTO_ */
const protocol = named(u8, { tcp: 6, udp: 17 });
/** struct inet_diag_req_v2 */
const request = struct({ family, protocol, extensions: padding(2), states: u32, id: socketId });
/** The part of struct inet_diag_msg that says which socket it is. */
const answer = struct({ family, state: u8, timers: padding(2), id: socketId });

const anySocket: Infer<typeof socketId> = {
  ...{ sourcePort: 0, destinationPort: 0, ifindex: 0, cookie: 0n },
  ...{ source: new Uint8Array(addressBytes), destination: new Uint8Array(addressBytes) },
};

/** TCP_ states (net/tcp_states.h) of sockets that have somebody at the other end; a connected UDP socket is established. */
const connectedStates = [1, 2, 4, 5, 8, 9, 11].reduce((mask, state) => mask | (1 << state), 0);

export type TransportProtocol = "tcp" | "udp";

/** One end of a connection. */
export type SocketEnd = { readonly address: Ip; readonly port: number };

/** A socket that is connected; of IPv6 sockets too `peer` may be an IPv4 address, as it is on the wire. */
export type ConnectedSocket = {
  readonly protocol: TransportProtocol;
  readonly peer: SocketEnd;
  /** What the kernel finds it by again. */
  readonly key: Pick<Infer<typeof answer>, "family" | "id">;
};

/** Sockets of one family in the namespace of a `sockDiag` connection. @throws KernelError */
export function listConnected(
  connection: Connection,
  of: TransportProtocol,
  family: Family,
): readonly ConnectedSocket[] {
  const wanted = { family, protocol: of, states: connectedStates, id: anySocket };
  const list = makeRequest(request, wanted, {
    type: MessageType.list,
    flags: 0,
    text: `list connected ${of} sockets of ${family}`,
  });
  try {
    return connection.dump(list, (body) => {
      const { family, id } = answer.decode(body);
      const peer = { address: readAddress(family === "ipv4", id.destination), port: id.destinationPort };
      return { protocol: of, peer, key: { family, id } };
    });
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    throw new KernelError(`Cannot ${list.text}`, errnoOf(error), `load the kernel module ${of}_diag`);
  }
}

/** ::ffff:0:0/96 (RFC 4291 section 2.5.5.2) */
const mappedPrefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

function readAddress(isV4: boolean, bytes: Uint8Array): Ip {
  if (isV4) return ipFromBytes(bytes.subarray(0, 4));
  const isMapped = mappedPrefix.every((byte, index) => bytes[index] === byte);
  return ipFromBytes(isMapped ? bytes.subarray(mappedPrefix.length) : bytes);
}

/**
 * Its owner's calls fail with ECONNABORTED; a TCP socket's peer is sent a reset. That it is closed already is no error.
 * Kernels without CONFIG_INET_DIAG_DESTROY answer EOPNOTSUPP.
 */
function destroySocket({ protocol, peer, key }: ConnectedSocket): Request {
  const wanted = { ...key, protocol, states: 0 };
  return makeRequest(request, wanted, {
    type: MessageType.destroy,
    flags: 0,
    text: `close a ${protocol} socket connected to ${peer.address} port ${peer.port}`,
    allow: ["ENOENT", "ESTALE"],
  });
}

/**
 * Closes all sockets of a namespace that are connected to one of these ends, which are of one protocol; returns how many. For UDP, whose
 * sockets would go on sending to a backend that is gone; TCP's notice it by themselves. A socket that is being connected is not seen yet:
 * call it a moment after nobody is led there any more.
 *
 *     using connection = new Connection("sockDiag", podNetns);
 *     closeSocketsTo(connection, "udp", [{ address: ip("10.244.1.7"), port: 53 }]);
 *
 * @throws KernelError EOPNOTSUPP from a kernel that cannot close sockets of others
 */
export function closeSocketsTo(connection: Connection, of: TransportProtocol, ends: readonly SocketEnd[]): number {
  const gone = new Set(ends.map(endKey));
  const sockets = families.flatMap((family) => listConnected(connection, of, family));
  const closing = sockets.filter(({ peer }) => gone.has(endKey(peer)));
  if (closing.length > 0) connection.apply(closing.map(destroySocket));
  return closing.length;
}

function endKey({ address, port }: SocketEnd): string {
  return `${address} ${port}`;
}
