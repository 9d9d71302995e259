// VLANs of a bridge port, and the gateway's own port in a VLAN.

import { isErrno } from "#kernel/errno.ts";
import { randomMac } from "#net/mac.ts";
import { addPortVlan, listPortVlans, removePortVlan } from "#netlink/bridge-vlan.ts";
import type { Connection } from "#netlink/connection.ts";
import { addVeth, findLink, type Link, setLink } from "#netlink/link.ts";
import type { Request } from "#netlink/message.ts";
import { failed } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import { choosePair, type VethPair } from "#plugins/veth.ts";
import type { BridgeConf } from "./conf.ts";

/** The VLAN that a new port of a filtering bridge is in unless told otherwise (vlan_default_pvid). */
const defaultVid = 1;

/** Puts a container's port into its VLANs; without any configured the port stays as the kernel made it. */
export function configureVlans(route: Connection, device: Link, { hostIndex }: VethPair, conf: BridgeConf): void {
  if (conf.vlan === 0 && conf.vlanTrunk.length === 0) return;
  route.apply([
    ...portVlans(hostIndex, conf),
    ...conf.vlanTrunk.map(({ first, last }) => bridgeVlan(device, first, last)),
  ]);
}

function portVlans(ifindex: number, conf: BridgeConf): readonly Request[] {
  const port = { ifindex };
  const requests: Request[] = [];
  if (conf.vlan !== 0) requests.push(addPortVlan(port, { vid: conf.vlan, pvid: true, untagged: true }));
  for (const { first, last } of conf.vlanTrunk) {
    requests.push(addPortVlan(port, { vid: first, ...(last > first ? { rangeEnd: last } : {}) }));
  }
  const trunked = conf.vlanTrunk.some(({ first, last }) => first <= defaultVid && defaultVid <= last);
  const native = conf.vlan === 0 || conf.vlan === defaultVid;
  if (!conf.preserveDefaultVlan && !native && !trunked) requests.push(removePortVlan(port, { vid: defaultVid }));
  return requests;
}

// The bridge's own end must be a member for the node to take part in a trunk's VLANs.
function bridgeVlan(device: Link, first: number, last: number): Request {
  return addPortVlan(
    { ifindex: device.index, self: true },
    { vid: first, ...(last > first ? { rangeEnd: last } : {}) },
  );
}

/** `cni0.100` */
export function vlanGatewayName(conf: BridgeConf): string {
  return `${conf.bridge}.${conf.vlan}`;
}

/** The link that carries the gateway addresses of a VLAN: one end of a veth pair whose other end is a port in it. */
export function ensureVlanGateway(device: Link, conf: BridgeConf, host: Host): Link {
  const route = host.route();
  const name = vlanGatewayName(conf);
  const found = findLink(route, name);
  if (found !== undefined) return found;
  const pair = choosePair(host);
  const size = conf.mtu > 0 ? { mtu: conf.mtu } : {};
  try {
    route.apply([
      addVeth(
        { name: pair.hostName, index: pair.hostIndex, master: device.index, up: true, ...size },
        { name, index: pair.containerIndex, mac: randomMac(host.random), ...size },
      ),
      ...portVlans(pair.hostIndex, { ...conf, vlanTrunk: [] }),
    ]);
  } catch (error) {
    // Another ADD of the same VLAN was first.
    if (!isErrno(error, "EEXIST")) throw error;
  }
  const made = findLink(route, name);
  if (made === undefined) throw new Error(`bridge: "${name}" vanished while it was being set up: try again`);
  route.apply([setLink(made.index, { up: true }, name)]);
  return made;
}

/** @throws CniError naming a VLAN that the port is not in. */
export function checkVlans(route: Connection, device: Link, port: Link, conf: BridgeConf): void {
  if (conf.vlan === 0 && conf.vlanTrunk.length === 0) return;
  if (device.info?.kind === "bridge" && device.info.data?.vlanFiltering !== 1) {
    throw failed(`bridge ${device.name} does not filter VLANs`);
  }
  const present = listPortVlans(route, port.index);
  if (conf.vlan !== 0 && !present.some(({ vid, pvid, untagged }) => vid === conf.vlan && pvid && untagged)) {
    throw failed(`port ${port.name} has no untagged VLAN ${conf.vlan}`);
  }
  for (const { first, last } of conf.vlanTrunk) {
    for (let vid = first; vid <= last; vid++) {
      if (!present.some((vlan) => vlan.vid === vid)) throw failed(`port ${port.name} is not in VLAN ${vid}`);
    }
  }
}
