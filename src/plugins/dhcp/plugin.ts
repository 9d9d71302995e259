// IPAM plugin `dhcp`: addresses from a DHCP server on the container's network, kept by the plugin service or by a daemon.
//
//   in the service:  call ─► host.leases (LeaseKeeper)
//   stand-alone:     call ─► socket ─► dhcp daemon ─► the same functions, with its LeaseKeeper

import { CniError, ErrorCode } from "#cni/error.ts";
import { resultOf, throwIfFailed } from "#cni/exec.ts";
import { type Call, type Plugin, requirePrevResult } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import { specVersions } from "#cni/version.ts";
import { KernelError } from "#kernel/errno.ts";
import { NetnsError } from "#kernel/netns.ts";
import { families } from "#net/ip.ts";
import { failed } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import type { Order } from "./client.ts";
import { idOf, ordersOf, readConf } from "./conf.ts";
import { askDaemon, DaemonMissing } from "./daemon-client.ts";
import { NoLease } from "./exchange.ts";
import { releaseStored } from "./lease-keeper.ts";
import { resultOfLeases } from "./lease-result.ts";
import { LeaseStore } from "./lease-store.ts";
import { protocolOf } from "./terms.ts";
import { InterfaceGone } from "./wire.ts";

export const dhcp: Plugin<Host> = {
  name: "dhcp",
  about: "CNI dhcp plugin: addresses from a DHCP server on the container's network",
  versions: specVersions,
  add,
  del,
  check,
  gc,
  status,
};

/** Where the daemon behind a socket has its records, so that a DEL finds them while the daemon is down. */
export function recordsOfDaemon(socketPath: string): string {
  return `${socketPath}.leases`;
}

/** Where the plugin service has its records. */
export function recordsOfService(runDir: string): string {
  return `${runDir}/dhcp`;
}

async function add(call: Call, host: Host): Promise<Result> {
  const conf = readConf(call);
  const { leases } = host;
  if (leases === undefined) return resultOf(await viaDaemon(conf.socketPath, call), call.cniVersion, "dhcp");
  // Both families at once: each has its own servers and its own waits.
  const asked = ordersOf(call, conf).map((order) =>
    leases.acquire(order).catch((error: unknown) => {
      // One family alone is not what was asked for.
      leases.release(order.id);
      throw explained(error, order);
    }),
  );
  try {
    return resultOfLeases(await Promise.all(asked), conf);
  } finally {
    await Promise.allSettled(asked);
  }
}

/** Succeeds with the daemon down, too: its records are on disk, and a release needs no answer. */
async function del(call: Call, host: Host): Promise<void> {
  const { socketPath } = readConf(call);
  const id = idOf(call);
  host.leases?.release(id);
  const ofDaemon = new LeaseStore(recordsOfDaemon(socketPath));
  // Inside a keeper there is someone else to ask only when the lease was someone else's: the node changed sides since ADD.
  if (host.leases === undefined || families.some((family) => ofDaemon.read({ id, family }) !== undefined)) {
    try {
      throwIfFailed(await askDaemon(socketPath, call), "dhcp");
    } catch {
      // Whatever stands in the daemon's way, the lease must not stay.
    }
  }
  for (const store of [ofDaemon, new LeaseStore(recordsOfService(host.runDir))]) releaseStored(store, id, host);
}

async function check(call: Call, host: Host): Promise<void> {
  const conf = readConf(call);
  if (host.leases === undefined) return throwIfFailed(await viaDaemon(conf.socketPath, call), "dhcp");
  const result = requirePrevResult(call);
  for (const family of conf.families) {
    const lease = host.leases.find({ id: idOf(call), family })?.lease;
    const name = protocolOf(family);
    if (lease === undefined) throw failed(`${call.ifname} has no ${name} lease (any more)`);
    if (result.ips.some(({ address }) => address === lease.address)) continue;
    throw failed(`the ${name} lease is for ${lease.address}, which the result of ADD does not have`);
  }
}

async function gc(call: Call, host: Host): Promise<void> {
  if (call.validAttachments === undefined) return;
  if (host.leases !== undefined) return host.leases.releaseStale(call.network, call.validAttachments);
  const { socketPath } = readConf(call);
  throwIfFailed(await viaDaemon(socketPath, call), "dhcp");
}

async function status(call: Call, host: Host): Promise<void> {
  const { socketPath } = readConf(call);
  if (host.leases !== undefined) return;
  try {
    throwIfFailed(await askDaemon(socketPath, call), "dhcp");
  } catch (error) {
    if (!(error instanceof DaemonMissing)) throw error;
    throw new CniError(ErrorCode.notAvailable, error.message, { cause: error });
  }
}

async function viaDaemon(socketPath: string, call: Call) {
  try {
    return await askDaemon(socketPath, call);
  } catch (error) {
    if (!(error instanceof DaemonMissing)) throw error;
    throw new CniError(ErrorCode.tryAgainLater, error.message, { cause: error });
  }
}

function explained(error: unknown, { family, place: { ifname, netns } }: Order): unknown {
  const what = `Cannot get a ${protocolOf(family)} lease for interface "${ifname}" in network namespace "${netns}"`;
  if (error instanceof NoLease) {
    return new CniError(ErrorCode.tryAgainLater, `${what}: ${error.message}`, { cause: error });
  }
  if (error instanceof NetnsError) return new CniError(ErrorCode.invalidNetns, error.message, { cause: error });
  if (error instanceof InterfaceGone || error instanceof KernelError) {
    return new CniError(ErrorCode.internal, `${what}: ${error.message}`, { cause: error });
  }
  return error;
}
