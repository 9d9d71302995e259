// loopback: brings a container's own loopback interface up.

import { CniError, ErrorCode } from "#cni/error.ts";
import { type Call, type Plugin, requirePrevResult } from "#cni/plugin.ts";
import type { Interface, Result } from "#cni/result.ts";
import { versionsFrom } from "#cni/version.ts";
import { addressOf, type IfAddr } from "#net/cidr.ts";
import { listAddresses } from "#netlink/address.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink, type Link, setLink } from "#netlink/link.ts";
import { checkAddresses, failed, openNetns, openNetnsIfThere } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";

const device = "lo";
const noMac = "00:00:00:00:00:00";

/** CNI_IFNAME is ignored: the kernel names the interface, and every namespace has exactly one. */
export const loopback: Plugin<Host> = {
  name: "loopback",
  about: "CNI loopback plugin: brings the container's loopback interface up",
  versions: versionsFrom("0.1.0"),
  add,
  del,
  check,
  gc() {},
  status() {},
};

function add(call: Call, host: Host): Result {
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  const link = loopbackLink(container);
  // Before the interface is touched: a failed ADD leaves it as it was.
  requireLoopbackAddresses(container, link, call);
  container.apply([setLink(link.index, { up: true }, device)]);
  if (call.prevResult !== undefined) return call.prevResult;
  return {
    interfaces: [{ name: device, mac: link.mac ?? noMac, sandbox: call.netns }],
    ips: requireLoopbackAddresses(container, link, call).map((address) => ({ interface: 0, address })),
    routes: [],
    dns: {},
  };
}

/** As the reference: the interface goes down, though the namespace is likely to end with the container anyhow. */
function del(call: Call, host: Host): void {
  using netns = openNetnsIfThere(call);
  if (netns === undefined) return;
  using container = host.routeIn(netns);
  container.apply([setLink(loopbackLink(container).index, { up: false }, device)]);
}

function check(call: Call, host: Host): void {
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  const link = loopbackLink(container);
  if (!link.up) throw failed(`interface ${device} in network namespace "${call.netns}" is down`);
  const { interfaces, ips } = requirePrevResult(call);
  const own = ({ interface: index }: { readonly interface?: number }) =>
    index !== undefined && isOwn(interfaces[index], call);
  checkAddresses(container, link, ips.filter(own));
}

function isOwn(each: Interface | undefined, call: Call): boolean {
  return each?.name === device && each.sandbox === call.netns;
}

function loopbackLink(container: Connection): Link {
  const link = findLink(container, device);
  if (link !== undefined) return link;
  throw new CniError(
    ErrorCode.invalidNetns,
    `The network namespace has no interface named ${device}: the kernel always makes one`,
  );
}

/** The addresses of the interface, IPv4 first. @throws CniError 7 for one that is no loopback address. */
function requireLoopbackAddresses(container: Connection, link: Link, call: Call): readonly IfAddr[] {
  const addresses = listAddresses(container, link.index).map(({ address }) => address);
  const foreign = addresses.find((address) => !isLoopback(address));
  if (foreign === undefined) return addresses;
  throw new CniError(
    ErrorCode.invalidConfig,
    `loopback interface in network namespace "${call.netns}" has address ${foreign}, which is no loopback address: remove it first`,
  );
}

function isLoopback(address: IfAddr): boolean {
  const ip = addressOf(address);
  return ip === "::1" || ip.startsWith("127.");
}
