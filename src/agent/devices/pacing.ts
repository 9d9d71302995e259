// Whether the node's devices hold packets until they may leave, which the limits of pods' sending rely on.

import { isErrno } from "#kernel/errno.ts";
import type { Ip } from "#net/ip.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink } from "#netlink/link.ts";
import { listQdiscs, replaceQdisc, rootQdisc } from "#netlink/qdisc.ts";
import { Parent } from "#netlink/tc.ts";
import { readDevices } from "./have.ts";
import { selectDevices } from "./want.ts";

/** The kernel's fair queue is the one that looks at packets' times. */
const fairQueue = { kind: "other", name: "fq" } as const;

/**
 * Sees to it that all devices which lead to the world do; `named` as in `selectDevices`. False: some packets would leave whenever they come.
 * @throws KernelError
 */
export function ensurePacing(connection: Connection, nodeAddresses: readonly Ip[], named: readonly string[]): boolean {
  const devices = selectDevices(readDevices(connection), nodeAddresses, named);
  return devices.length > 0 && devices.every(({ ifindex }) => ensureFairQueue(connection, ifindex));
}

/**
 * Gives a device the queue in the place of the kernel's default; one that somebody has chosen stays, and so does the default of a device that
 * sends by several queues, each of which would need its own. @throws KernelError
 */
function ensureFairQueue(connection: Connection, ifindex: number): boolean {
  const root = listQdiscs(connection, ifindex).find(({ parent }) => parent === Parent.root);
  if (root !== undefined) return root.shape.kind === "other" && root.shape.name === fairQueue.name;
  if ((findLink(connection, ifindex)?.txQueues ?? 0) !== 1) return false;
  try {
    connection.apply([replaceQdisc(rootQdisc(ifindex, fairQueue))]);
    return true;
  } catch (error) {
    // ENOENT: this kernel does not have it.
    if (isErrno(error, "ENOENT", "EOPNOTSUPP")) return false;
    throw error;
  }
}
