// What every CHECK of a main plugin begins with: the interface of prevResult is there as ADD left it.

import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import type { IpConfig } from "#cni/result.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink, type Link } from "#netlink/link.ts";
import type { LinkKind } from "#netlink/link-message.ts";
import { addressesOf, checkAddresses, checkRoutes, failed } from "./container.ts";

/**
 * Compares the container's interface with prevResult: kind (undefined: any), hardware address, up, addresses, routes.
 * @throws CniError naming the first difference.
 */
export function checkAttachment(
  call: Call,
  container: Connection,
  kind: LinkKind | undefined,
  mustBeUp = true,
): { readonly inside: Link; readonly addresses: readonly IpConfig[] } {
  const { prevResult } = call;
  if (prevResult === undefined)
    throw new CniError(ErrorCode.invalidConfig, `${call.type}: CHECK needs field "prevResult"`);
  const index = prevResult.interfaces.findIndex(({ name, sandbox }) => name === call.ifname && sandbox === call.netns);
  const expected = prevResult.interfaces[index];
  if (expected === undefined) throw failed(`prevResult names no interface ${call.ifname} in sandbox ${call.netns}`);
  const inside = findLink(container, call.ifname);
  if (inside === undefined) throw failed(`interface ${call.ifname} is not in network namespace ${call.netns}`);
  const found = inside.info?.kind === "other" ? inside.info.name : inside.info?.kind;
  if (kind !== undefined && found !== kind)
    throw failed(`interface ${call.ifname} is a ${found ?? "device"}, not a ${kind}`);
  const wanted = expected.mac ?? "";
  if (wanted !== "" && wanted.toLowerCase() !== inside.mac) {
    throw failed(`interface ${call.ifname} has hardware address ${inside.mac ?? "none"}, not ${wanted}`);
  }
  if (mustBeUp && !inside.up) throw failed(`interface ${call.ifname} is down`);
  const addresses = addressesOf(prevResult, index);
  checkAddresses(container, inside, addresses);
  checkRoutes(container, inside, { ips: addresses, routes: prevResult.routes });
  return { inside, addresses };
}
