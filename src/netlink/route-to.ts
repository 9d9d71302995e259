// The kernel's own choice of a route for one destination, as `ip route get` shows it.

import type { Infer } from "#codec/codec.ts";
import { isErrno } from "#kernel/errno.ts";
import { bitsOf, familyOf, type Ip } from "#net/ip.ts";
import type { Connection } from "./connection.ts";
import { makeRequest } from "./message.ts";
import { RouteType, routeMessage } from "./route.ts";

/** Where packets leave; `gateway` is absent when the destination is a neighbour on the link. */
export type Way = { readonly oif: number; readonly gateway: Ip | undefined };

/** Undefined when the destination cannot be reached, or is the machine itself. @throws KernelError */
export function routeTo(connection: Connection, dst: Ip): Way | undefined {
  const { header, attrs } = lookUp(connection, dst) ?? {};
  if (header?.type !== "unicast" || attrs?.oif === undefined) return undefined;
  return { oif: attrs.oif, gateway: attrs.gateway };
}

/**
 * Whether packets to the address are taken for the machine's own. An IPv6 address is listed before that: the kernel makes its route by a
 * piece of work of its own, also when it looks for no duplicates, and that waits for whoever changes links. @throws KernelError
 */
export function isOwnAddress(connection: Connection, address: Ip): boolean {
  return lookUp(connection, address)?.header.type === "local";
}

function lookUp(connection: Connection, dst: Ip): Infer<typeof routeMessage> | undefined {
  const family = familyOf(dst);
  const request = makeRequest(
    routeMessage,
    {
      header: {
        ...{ family, dstLength: bitsOf(family), srcLength: 0, tos: 0, table: 0, flags: 0 },
        ...{ protocol: "unspec", scope: "universe", type: "unspec" },
      },
      attrs: { dst },
    },
    { type: RouteType.get, flags: 0, text: `look up the route to ${dst}` },
  );
  try {
    return connection.get(request, (body) => routeMessage.decode(body));
  } catch (error) {
    if (isErrno(error, "ENETUNREACH", "EHOSTUNREACH", "EACCES", "EINVAL")) return undefined;
    throw error;
  }
}
