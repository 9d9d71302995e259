// Addresses for a main plugin, from the IPAM plugin that its configuration names.

import { decode, object, optional, string } from "#cni/decode.ts";
import { delegateAdd, delegateCheck, delegateDel, delegateGc, delegateStatus } from "#cni/delegate.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import type { Host } from "./host.ts";

const withIpam = object({ ipam: optional(object({ type: optional(string) })) });

/** `ipam.type` of the configuration; undefined when it asks for no addresses. */
export function ipamType(call: Call): string | undefined {
  const type = decode(withIpam, call.config, call.type).ipam?.type;
  return type === "" ? undefined : type;
}

/**
 * Whether the plugin may need the container's interface, as DHCP does. Ours that read a pool do not: asked first, they find
 * out that it is empty before anything is made.
 */
export function needsInterface(type: string): boolean {
  return type !== "host-local" && type !== "static";
}

/**
 * Asks for addresses. The caller releases them with `delIpam` when its own ADD fails.
 * @throws CniError 7 when the plugin answers without any address; what it holds is released.
 */
export async function addIpam(call: Call, type: string, host: Host): Promise<Result> {
  let result: Result;
  try {
    result = await delegateAdd(call, type, host.delegates);
  } catch (error) {
    // It may have failed half-way; DEL of what never was is no error.
    await delIpam(call, type, host).catch(() => {});
    throw error;
  }
  if (result.ips.length > 0) return result;
  await delIpam(call, type, host);
  throw new CniError(ErrorCode.invalidConfig, `IPAM plugin "${type}" returned no address: check its configuration`);
}

export async function delIpam(call: Call, type: string, host: Host): Promise<void> {
  await delegateDel(call, type, host.delegates);
}

export async function checkIpam(call: Call, type: string, host: Host): Promise<void> {
  await delegateCheck(call, type, host.delegates);
}

export async function gcIpam(call: Call, type: string, host: Host): Promise<void> {
  await delegateGc(call, type, host.delegates);
}

export async function statusIpam(call: Call, type: string, host: Host): Promise<void> {
  await delegateStatus(call, type, host.delegates);
}
