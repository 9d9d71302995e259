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
import { failed } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import { idOf, readConf } from "./conf.ts";
import { askDaemon, DaemonMissing } from "./daemon-client.ts";
import { NoLease } from "./exchange.ts";
import { resultOfLease } from "./lease.ts";
import { releaseStored } from "./lease-keeper.ts";
import { LeaseStore } from "./lease-store.ts";
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
  const { socketPath, terms, priority } = readConf(call);
  if (host.leases === undefined) return resultOf(await viaDaemon(socketPath, call), call.cniVersion, "dhcp");
  try {
    const lease = await host.leases.acquire(idOf(call), { netns: call.netns, ifname: call.ifname }, terms);
    return resultOfLease(lease, priority);
  } catch (error) {
    throw explained(error, call);
  }
}

/** Succeeds with the daemon down, too: its records are on disk, and a release needs no answer. */
async function del(call: Call, host: Host): Promise<void> {
  const { socketPath } = readConf(call);
  const id = idOf(call);
  host.leases?.release(id);
  const ofDaemon = new LeaseStore(recordsOfDaemon(socketPath));
  // Inside a keeper there is someone else to ask only when the lease was someone else's: the node changed sides since ADD.
  if (host.leases === undefined || ofDaemon.read(id) !== undefined) {
    try {
      throwIfFailed(await askDaemon(socketPath, call), "dhcp");
    } catch {
      // Whatever stands in the daemon's way, the lease must not stay.
    }
  }
  for (const store of [ofDaemon, new LeaseStore(recordsOfService(host.runDir))]) releaseStored(store, id, host);
}

async function check(call: Call, host: Host): Promise<void> {
  const { socketPath } = readConf(call);
  if (host.leases === undefined) return throwIfFailed(await viaDaemon(socketPath, call), "dhcp");
  const result = requirePrevResult(call);
  const lease = host.leases.find(idOf(call));
  if (lease === undefined) throw failed(`${call.ifname} has no DHCP lease (any more)`);
  if (result.ips.some(({ address }) => address === lease.address)) return;
  throw failed(`the DHCP lease is for ${lease.address}, which the result of ADD does not have`);
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

function explained(error: unknown, call: Call): unknown {
  const place = `interface "${call.ifname}" in network namespace "${call.netns}"`;
  if (error instanceof NoLease) {
    const message = `Cannot get a DHCP lease for ${place}: ${error.message}`;
    return new CniError(ErrorCode.tryAgainLater, message, { cause: error });
  }
  if (error instanceof NetnsError) return new CniError(ErrorCode.invalidNetns, error.message, { cause: error });
  if (error instanceof InterfaceGone || error instanceof KernelError) {
    const message = `Cannot get a DHCP lease for ${place}: ${error.message}`;
    return new CniError(ErrorCode.internal, message, { cause: error });
  }
  return error;
}
