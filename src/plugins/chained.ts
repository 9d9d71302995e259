// What chained plugins begin with: the interface that an earlier plugin of the chain made.

import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import type { Interface, IpConfig, Result } from "#cni/result.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink, type Link } from "#netlink/link.ts";
import { addressesOf } from "./container.ts";

/** The link that the call names. @throws CniError 999 when the container has none of that name. */
export function requireLink(container: Connection, call: Call): Link {
  const link = findLink(container, call.ifname);
  if (link !== undefined) return link;
  const problem = `there is no interface "${call.ifname}" in network namespace "${call.netns}"`;
  throw new CniError(ErrorCode.internal, `${problem}: put ${call.type} after the plugin that makes it`);
}

/** Whether an interface of a result is the container's that the call names. */
export function isContainers({ name, sandbox }: Interface, call: Call): boolean {
  return name === call.ifname && sandbox !== undefined && sandbox !== "";
}

/** Whether an interface of a result is on the node. */
export function isNodes({ sandbox }: Interface): boolean {
  return sandbox === undefined || sandbox === "";
}

/** The addresses in a result of the interface that the call names, and those of no interface. */
export function containersAddresses(call: Call, result: Result): readonly IpConfig[] {
  return addressesOf(
    result,
    result.interfaces.findIndex((each) => isContainers(each, call)),
  );
}
