// flannel: a main plugin's configuration out of what flanneld says of this machine, and its calls.

import { member } from "#cni/decode.ts";
import { delegateAdd, delegateCheck, delegateDel, delegateGc, delegateStatus } from "#cni/delegate.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { JsonObject } from "#cni/json.ts";
import type { Call, Plugin } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import { specVersions } from "#cni/version.ts";
import type { Host } from "#plugins/host.ts";
import { delegateConf, delegateType, type FlannelConf, readConf } from "./conf.ts";
import { listScratch, readScratch, removeScratch, writeScratch } from "./scratch.ts";
import { readSubnetEnv, type SubnetEnv } from "./subnet-env.ts";

export const flannel: Plugin<Host> = {
  name: "flannel",
  about: "CNI flannel plugin: calls a main plugin with the addresses that flanneld has for this machine",
  versions: specVersions,
  add,
  del,
  check,
  gc,
  status,
};

async function add(call: Call, host: Host): Promise<Result> {
  const conf = readConf(call);
  const config = delegateConf(call, conf, readSubnetEnv(conf.subnetFile));
  const before = readScratch(conf.dataDir, call.containerId, call.network);
  // Before the call: a kill during it leaves what DEL needs.
  writeScratch(conf.dataDir, call.containerId, config);
  try {
    return await delegateAdd(call, delegateType(config), { ...host.delegates, config });
  } catch (error) {
    // The delegate cleans up after itself. Its DEL would not do: it may have refused to make again what runs already.
    if (before === undefined) removeScratch(conf.dataDir, call.containerId, call.network);
    else writeScratch(conf.dataDir, call.containerId, before);
    throw error;
  }
}

async function del(call: Call, host: Host): Promise<void> {
  const conf = readConf(call);
  const config = withReserved(call, toldConf(call, conf));
  await delegateDel(call, delegateType(config), { ...host.delegates, config });
  removeScratch(conf.dataDir, call.containerId, call.network);
}

async function check(call: Call, host: Host): Promise<void> {
  const conf = readConf(call);
  const config = withReserved(call, toldConf(call, conf));
  await delegateCheck(call, delegateType(config), { ...host.delegates, config });
}

async function gc(call: Call, host: Host): Promise<void> {
  if (call.validAttachments === undefined) return;
  const conf = readConf(call);
  const config = withReserved(call, delegateConf(call, conf, envIfThere(conf)));
  await delegateGc(call, delegateType(config), { ...host.delegates, config });
  const alive = new Set(call.validAttachments.map(({ containerID }) => containerID));
  for (const containerId of listScratch(conf.dataDir, call.network)) {
    if (!alive.has(containerId)) removeScratch(conf.dataDir, containerId, call.network);
  }
}

async function status(call: Call, host: Host): Promise<void> {
  const conf = readConf(call);
  const config = delegateConf(call, conf, envForStatus(conf));
  await delegateStatus(call, delegateType(config), { ...host.delegates, config });
}

/**
 * What the delegate was told at ADD. The file is gone after a first DEL, or when the container is in two networks of
 * flannel: then as much of it as can be told now. The reference does nothing then, and leaks in the second case.
 */
function toldConf(call: Call, conf: FlannelConf): JsonObject {
  const told = readScratch(conf.dataDir, call.containerId, call.network);
  return told ?? delegateConf(call, conf, envIfThere(conf));
}

function envIfThere({ subnetFile }: FlannelConf): SubnetEnv | undefined {
  try {
    return readSubnetEnv(subnetFile);
  } catch (error) {
    if (error instanceof CniError) return undefined;
    throw error;
  }
}

function envForStatus({ subnetFile }: FlannelConf): SubnetEnv {
  try {
    return readSubnetEnv(subnetFile);
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw new CniError(ErrorCode.notAvailable, error.message, { cause: error });
  }
}

/** The file holds the configuration as it was at ADD; this call's results, lists and version are the runtime's. */
function withReserved(call: Call, config: JsonObject): JsonObject {
  const reserved = Object.entries(call.config).filter(([key]) => key.startsWith("cni.dev/"));
  const prevResult = member(call.config, "prevResult");
  return {
    ...config,
    cniVersion: call.cniVersion,
    ...Object.fromEntries(reserved),
    ...(prevResult === undefined ? {} : { prevResult }),
  };
}
