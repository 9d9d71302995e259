// Compares what is written down about addresses and endpoints with the kernel and the packet path's maps, and mends on demand.

import { NetnsError } from "#kernel/netns.ts";
import type { Ip } from "#net/ip.ts";
import { formatRoute } from "#netlink/route.ts";
import type { Agent } from "./main.ts";
import { addressesOf, formatEndpoint } from "./state/endpoint.ts";

/** What does not agree, a sentence each; changes nothing. @throws KernelError */
export function auditAgent({ endpoints, datapath }: Pick<Agent, "endpoints" | "datapath">): readonly string[] {
  const faults: string[] = [];
  const owners = new Map<Ip, string>();
  for (const endpoint of endpoints.list()) {
    const what = formatEndpoint(endpoint);
    for (const address of addressesOf(endpoint)) {
      const other = owners.get(address);
      if (other !== undefined) faults.push(`${address} belongs to ${other} and to ${what}`);
      owners.set(address, what);
    }
    try {
      faults.push(...endpoints.faults(endpoint).map((fault) => `${what}: ${fault}`));
    } catch (error) {
      if (!(error instanceof NetnsError)) throw error;
      faults.push(`${what}: its namespace ${endpoint.netns} is gone: twill ipam release ${addressesOf(endpoint)[0]}`);
    }
  }
  for (const { link, addresses } of endpoints.strangers()) {
    faults.push(`link ${link.name} with ${addresses.join(", ") || "no address"} is nobody's`);
  }
  for (const { endpoint, route } of endpoints.detours()) {
    faults.push(`${formatEndpoint(endpoint)}: ${route.type} route ${formatRoute(route)} comes before its own`);
  }
  for (const { address } of datapath?.endpoints() ?? []) {
    if (!owners.has(address)) faults.push(`the packet path knows ${address}, which is nobody's`);
  }
  return faults;
}

/** An address that is not released; the message says why. */
export class ReleaseError extends Error {
  readonly code = "RELEASE";
}

/**
 * Gives an address free that no living pod has, and ends its rest; returns what was done. `force`: takes it even from a pod
 * that lives. @throws ReleaseError
 */
export function releaseAddress(
  { endpoints, ipam }: Pick<Agent, "endpoints" | "ipam">,
  address: Ip,
  force: boolean,
): string {
  const endpoint = endpoints.list().find((each) => addressesOf(each).includes(address));
  const stranger = endpoints.strangers().find((each) => each.addresses.includes(address));
  if (endpoint !== undefined) {
    if (!force && endpoints.isAlive(endpoint)) {
      throw new ReleaseError(
        `Cannot release ${address}: ${formatEndpoint(endpoint)} lives and has it; delete the pod, or use --force`,
      );
    }
    endpoints.remove(endpoint);
    return `took ${address} from ${formatEndpoint(endpoint)}`;
  }
  if (stranger !== undefined) {
    if (!force)
      throw new ReleaseError(
        `Cannot release ${address}: link ${stranger.link.name} has it; delete its pod, or use --force`,
      );
    endpoints.removeStranger(stranger);
    return `removed link ${stranger.link.name}, which had ${address}`;
  }
  if (ipam.wake(address)) return `${address} may be given out again at once`;
  throw new ReleaseError(`Cannot release ${address}: nobody has it, and it does not rest`);
}
