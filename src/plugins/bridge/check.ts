// CHECK of the node's side of a bridge attachment.

import type { Call } from "#cni/plugin.ts";
import type { IpConfig } from "#cni/result.ts";
import { joinIfAddr, lengthOf } from "#net/cidr.ts";
import { listAddresses } from "#netlink/address.ts";
import { findLink, type Link, LinkFlag } from "#netlink/link.ts";
import { failed } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import type { Owner } from "#plugins/ledger.ts";
import { checkMasquerade } from "#plugins/masquerade.ts";
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

/** @throws CniError naming the first thing that is not as ADD made it. */
export function checkBridgePort({ conf, host, inside, addresses, owner }: BridgeCheck): void {
  const device = findLink(host.route(), conf.bridge);
  if (device?.info?.kind !== "bridge") throw failed(`there is no bridge ${conf.bridge}`);
  if (conf.promiscMode && (device.flags & LinkFlag.promisc) === 0)
    throw failed(`bridge ${conf.bridge} is not promiscuous`);
  const port = hostEnd(host, inside);
  if (port === undefined) throw failed(`the node's end of ${inside.name} is gone`);
  if (port.master !== device.index) throw failed(`${port.name} is not a port of bridge ${conf.bridge}`);
  const settings = port.info?.port;
  if (conf.hairpinMode && settings?.hairpin !== 1) throw failed(`port ${port.name} has hairpin mode off`);
  if (conf.portIsolation && settings?.isolated !== 1) throw failed(`port ${port.name} is not isolated`);
  checkVlans(host.route(), device, port, conf);
  if (conf.isGateway) {
    const gatewayName = conf.vlan === 0 ? conf.bridge : vlanGatewayName(conf);
    const gatewayLink = findLink(host.route(), gatewayName);
    if (gatewayLink === undefined) throw failed(`there is no link ${gatewayName}`);
    const present = listAddresses(host.route(), gatewayLink.index).map(({ address }) => address);
    for (const { address, gateway } of addresses) {
      if (gateway === undefined) continue;
      const wanted = joinIfAddr(gateway, lengthOf(address));
      if (!present.includes(wanted)) throw failed(`${gatewayName} has no address ${wanted}`);
    }
  }
  if (conf.macspoofchk && inside.mac !== undefined) checkMacGuard(host, owner, port.name, inside.mac);
  if (!conf.ipMasq) return;
  checkMasquerade(
    host,
    owner,
    addresses.map(({ address }) => address),
  );
}
