// The bridge itself: found or made, and its gateway addresses.

import { CniError, ErrorCode } from "#cni/error.ts";
import type { IpConfig } from "#cni/result.ts";
import { isErrno } from "#kernel/errno.ts";
import { addressOf, familyOfCidr, type IfAddr, joinIfAddr, lengthOf, networkOf, overlaps } from "#net/cidr.ts";
import { randomMac } from "#net/mac.ts";
import { addAddress, listAddresses, removeAddress } from "#netlink/address.ts";
import { addLink, findLink, type Link, LinkFlag, setLink, setLinkInfo } from "#netlink/link.ts";
import { writeSysctlIfThere } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import { enableForwarding } from "#plugins/node-gateway.ts";
import type { BridgeConf } from "./conf.ts";

/**
 * The bridge, made if it is not there, up and with what the configuration asks.
 * @throws CniError 7 when the name belongs to another kind of link.
 */
export function ensureBridge(conf: BridgeConf, host: Host): Link {
  const route = host.route();
  const found = findLink(route, conf.bridge) ?? makeBridge(conf, host);
  if (found.info?.kind !== "bridge") {
    const kind = found.info?.kind === "other" ? found.info.name : (found.info?.kind ?? "device");
    throw new CniError(
      ErrorCode.invalidConfig,
      `bridge: "${conf.bridge}" already exists but is a ${kind}, not a bridge: choose another name for field "bridge"`,
    );
  }
  const filtering = conf.vlan !== 0 || conf.vlanTrunk.length > 0;
  const promisc = conf.promiscMode && (found.flags & LinkFlag.promisc) === 0;
  // Whoever makes it beside us at this moment, or died over it, may not have come so far.
  if (!found.up) prepareBridge(conf, host);
  if (!found.up || promisc)
    route.apply([setLink(found.index, { up: true, ...(promisc ? { promisc } : {}) }, found.name)]);
  if (filtering && found.info.data?.vlanFiltering !== 1) {
    route.apply([setLinkInfo(found.index, { kind: "bridge", data: { vlanFiltering: 1 } }, found.name)]);
  }
  return found;
}

function makeBridge(conf: BridgeConf, host: Host): Link {
  const route = host.route();
  // A bridge without an address of its own takes its lowest port's, which changes as pods come and go.
  const settings = { name: conf.bridge, mac: randomMac(host.random), ...(conf.mtu > 0 ? { mtu: conf.mtu } : {}) };
  try {
    route.apply([addLink(settings, { kind: "bridge" })]);
  } catch (error) {
    // Another ADD made it between the look and the request.
    if (!isErrno(error, "EEXIST")) throw error;
  }
  const made = findLink(route, conf.bridge);
  if (made !== undefined) return made;
  throw new CniError(ErrorCode.tryAgainLater, `bridge: "${conf.bridge}" vanished while it was being set up: try again`);
}

function prepareBridge(conf: BridgeConf, host: Host): void {
  writeSysctlIfThere(host.netns, `net/ipv6/conf/${conf.bridge}/accept_ra`, "0");
  skipDuplicateCheck(conf, host, conf.bridge);
}

/**
 * For a link of the node that is not up yet. The node asks for its pods' neighbours from the link-local address: as long as that is
 * checked for duplicates, one to two seconds, it forwards no IPv6 to them.
 */
export function skipDuplicateCheck({ enabledad }: BridgeConf, host: Host, name: string): void {
  if (!enabledad) writeSysctlIfThere(host.netns, `net/ipv6/conf/${name}/accept_dad`, "0");
}

/** Gives a link the gateway address of each of `ips`, and lets the node forward. */
export function ensureGateway(link: Link, ips: readonly IpConfig[], conf: BridgeConf, host: Host): void {
  const route = host.route();
  const present = listAddresses(route, link.index).map(({ address }) => address);
  for (const { address, gateway } of ips) {
    if (gateway === undefined) continue;
    ensureAddress(link, joinIfAddr(gateway, lengthOf(address)), present, conf.forceAddress, host);
    enableForwarding(familyOfCidr(address), host);
  }
}

// IPv4: one address of ours per bridge. IPv6: disjoint subnets live side by side.
function ensureAddress(link: Link, wanted: IfAddr, present: readonly IfAddr[], force: boolean, host: Host): void {
  if (present.includes(wanted)) return;
  const family = familyOfCidr(wanted);
  for (const address of present) {
    if (familyOfCidr(address) !== family || addressOf(address).startsWith("fe80:")) continue;
    if (family === "ipv6" && !overlaps(networkOf(address), networkOf(wanted))) continue;
    if (!force) {
      throw new CniError(
        ErrorCode.invalidConfig,
        `bridge: "${link.name}" already has an IP address different from ${wanted}: it has ${address}. ` +
          `Remove that address or set field "forceAddress" to replace it`,
      );
    }
    host.route().apply([removeAddress(link.index, address, { dev: link.name })]);
  }
  const options = { dev: link.name, noDad: family === "ipv6", allow: ["EEXIST"] };
  host.route().apply([addAddress(link.index, wanted, options)]);
}
