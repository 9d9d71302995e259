// CHECK of the node's side of a bridge attachment.

import type { Call } from "#cni/plugin.ts";
import type { IpConfig } from "#cni/result.ts";
import { familyOfCidr, joinIfAddr, lengthOf } from "#net/cidr.ts";
import { listAddresses } from "#netlink/address.ts";
import { findLink, type Link, LinkFlag, listLinks } from "#netlink/link.ts";
import { failed, readSysctlIfThere } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import type { Owner } from "#plugins/ledger.ts";
import { checkMasquerade } from "#plugins/masquerade.ts";
import { forwardingPath } from "#plugins/node-gateway.ts";
import { hostEnd } from "#plugins/veth.ts";
import type { BridgeConf } from "./conf.ts";
import { checkMacGuard } from "./spoof-check.ts";
import { checkVlans } from "./vlan.ts";
import { vlanGatewayName } from "./vlan-gateway.ts";

export type BridgeCheck = {
  readonly call: Call;
  readonly conf: BridgeConf;
  readonly host: Host;
  readonly inside: Link;
  readonly addresses: readonly IpConfig[];
  readonly owner: Owner;
};

/** @throws CniError 999 naming the first thing that is not as ADD made it; changes nothing. */
export function checkBridgePort({ call, conf, host, inside, addresses, owner }: BridgeCheck): void {
  const device = requireBridge(call, conf, host);
  const port = requirePort(conf, host, inside, device);
  checkVlans(host.route(), device, port, conf);
  if (conf.isGateway) checkGateway(conf, host, addresses);
  if (conf.macspoofchk && inside.mac !== undefined) checkMacGuard(host, owner, port.name, inside.mac);
  if (!conf.ipMasq) return;
  checkMasquerade(
    host,
    owner,
    addresses.map(({ address }) => address),
  );
}

function requireBridge(call: Call, conf: BridgeConf, host: Host): Link {
  const device = findLink(host.route(), conf.bridge);
  if (device?.info?.kind !== "bridge") throw failed(`there is no bridge ${conf.bridge}`);
  if (!device.up) throw failed(`bridge ${conf.bridge} is down`);
  const told = call.prevResult?.interfaces.find(({ name, sandbox = "" }) => name === conf.bridge && sandbox === "");
  const mac = told?.mac?.toLowerCase() ?? "";
  if (mac !== "" && mac !== device.mac && !followsPorts(host, device)) {
    throw failed(`bridge ${conf.bridge} has hardware address ${device.mac ?? "none"}, not ${mac}`);
  }
  if (conf.promiscMode && (device.flags & LinkFlag.promisc) === 0)
    throw failed(`bridge ${conf.bridge} is not promiscuous`);
  return device;
}

/**
 * Whether the bridge has no hardware address of its own but its lowest port's, which changes as containers come and go: so bridge and
 * ports are read at once.
 */
function followsPorts(host: Host, { index }: Link): boolean {
  const links = listLinks(host.route());
  const device = links.find((link) => link.index === index);
  return links.some(({ master, mac }) => master === index && mac === device?.mac);
}

function requirePort(conf: BridgeConf, host: Host, inside: Link, device: Link): Link {
  const port = hostEnd(host, inside);
  if (port === undefined) throw failed(`the node's end of ${inside.name} is gone`);
  if (port.master !== device.index) throw failed(`${port.name} is not a port of bridge ${conf.bridge}`);
  if (!port.up) throw failed(`port ${port.name} is down`);
  const settings = port.info?.port;
  if (conf.hairpinMode && settings?.hairpin !== 1) throw failed(`port ${port.name} has hairpin mode off`);
  if (conf.portIsolation && settings?.isolated !== 1) throw failed(`port ${port.name} is not isolated`);
  for (const { name, mtu } of [inside, port]) {
    if (conf.mtu > 0 && mtu !== conf.mtu) throw failed(`${name} has an MTU of ${mtu}, not ${conf.mtu}`);
  }
  return port;
}

function checkGateway(conf: BridgeConf, host: Host, addresses: readonly IpConfig[]): void {
  const name = conf.vlan === 0 ? conf.bridge : vlanGatewayName(conf);
  const link = findLink(host.route(), name);
  if (link === undefined) throw failed(`there is no link ${name}`);
  if (!link.up) throw failed(`the gateway's link ${name} is down`);
  const present = listAddresses(host.route(), link.index).map(({ address }) => address);
  for (const { address, gateway } of addresses) {
    if (gateway === undefined) continue;
    const wanted = joinIfAddr(gateway, lengthOf(address));
    if (!present.includes(wanted)) throw failed(`${name} has no address ${wanted}`);
    const forwarding = forwardingPath(familyOfCidr(address));
    if (readSysctlIfThere(host.netns, forwarding) === "0") {
      throw failed(`the node does not forward: ${forwarding.replaceAll("/", ".")} is 0`);
    }
  }
}
