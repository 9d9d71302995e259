// host-local: addresses out of configured ranges, recorded in files on this machine.

import { accessSync, constants, statSync } from "node:fs";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Attachment, Call, Plugin } from "#cni/plugin.ts";
import { emptyResult, type Result } from "#cni/result.ts";
import { specVersions } from "#cni/version.ts";
import { errnoName, errnoOf, isErrno } from "#kernel/errno.ts";
import { addressOf } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";
import { failed } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import { allocate, exhaustion } from "./allocate.ts";
import { folderOf, readConf } from "./conf.ts";
import { rangeOf } from "./range.ts";
import { readResolvConf } from "./resolv-conf.ts";
import { openPool, ownerText, type Pool } from "./store.ts";

export const hostLocal: Plugin<Host> = {
  name: "host-local",
  about: "CNI host-local plugin: gives out addresses of ranges and records them in files on this machine",
  versions: specVersions,
  add,
  del,
  check,
  gc,
  status,
};

async function add(call: Call, host: Host): Promise<Result> {
  const { sets, requested, routes, resolvConf } = readConf(call);
  const dns = resolvConf === undefined ? {} : readResolvConf(resolvConf);
  using pool = await openPool(folderOf(call), host, { make: true });
  const ips = allocate(pool, { network: call.network, attachment: attachmentOf(call), sets, requested });
  return { ...emptyResult, ips, routes, dns };
}

async function del(call: Call, host: Host): Promise<void> {
  using pool = await openPool(folderOf(call), host);
  if (pool === undefined) return;
  for (const address of addressesOf(pool, attachmentOf(call))) pool.release(address);
}

async function check(call: Call, host: Host): Promise<void> {
  const { sets } = readConf(call);
  const folder = folderOf(call);
  using pool = await openPool(folder, host);
  const attachment = attachmentOf(call);
  const held = new Set(pool === undefined ? [] : addressesOf(pool, attachment));
  const container = `container ${attachment.containerID}, interface ${attachment.ifname}`;
  if (held.size === 0) throw failed(`host-local has no address in ${folder} for ${container}`);
  for (const { address } of call.prevResult?.ips ?? []) {
    const wanted = addressOf(address);
    const ours = sets.some((set) => rangeOf(set, wanted) !== undefined);
    if (!ours || held.has(wanted)) continue;
    throw failed(`host-local has ${wanted} in ${folder} not for ${container}, which holds ${[...held].join(", ")}`);
  }
}

async function gc(call: Call, host: Host): Promise<void> {
  if (call.validAttachments === undefined) return;
  const alive = new Set(call.validAttachments.flatMap((each) => [ownerText(each), each.containerID]));
  using pool = await openPool(folderOf(call), host);
  for (const [address, owner] of pool?.taken.entries() ?? []) {
    if (!alive.has(owner)) pool?.release(address);
  }
}

async function status(call: Call, host: Host): Promise<void> {
  const { sets } = readConf(call);
  const folder = folderOf(call);
  requireMakeable(folder);
  using pool = await openPool(folder, host);
  if (pool === undefined) return;
  for (const set of sets) {
    const problem = exhaustion(pool, set);
    if (problem !== undefined) throw notAvailable(`network "${call.network}" has ${problem}`);
  }
}

/** Addresses by the container's ID alone come from before 2018; they count when none names the interface. */
function addressesOf(pool: Pool, attachment: Attachment): readonly Ip[] {
  const exact = pool.addressesOf(ownerText(attachment));
  return exact.length > 0 ? exact : pool.addressesOf(attachment.containerID);
}

/** @throws CniError 50 unless ADD could make the folder. */
function requireMakeable(folder: string): void {
  for (let path = folder; ; path = parentOf(path)) {
    try {
      if (!statSync(path).isDirectory()) throw notAvailable(`${path} is a file: set ipam.dataDir to a folder`);
      accessSync(path, constants.W_OK);
      return;
    } catch (cause) {
      if (isErrno(cause, "ENOENT") && path !== parentOf(path)) continue;
      if (isErrno(cause, "ENOTDIR")) continue;
      if (cause instanceof CniError) throw cause;
      throw notAvailable(
        `${path} cannot be written (${errnoName(errnoOf(cause))}): set ipam.dataDir to another folder`,
      );
    }
  }
}

function parentOf(path: string): string {
  const end = path.lastIndexOf("/");
  if (end < 0) return ".";
  return path.slice(0, end) || "/";
}

function attachmentOf({ containerId, ifname }: Call): Attachment {
  return { containerID: containerId, ifname };
}

function notAvailable(problem: string): CniError {
  return new CniError(ErrorCode.notAvailable, `host-local: ${problem}`);
}
