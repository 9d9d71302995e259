// VLANs of a bridge port.

import { addPortVlan, listPortVlans, removePortVlan } from "#netlink/bridge-vlan.ts";
import type { Connection } from "#netlink/connection.ts";
import type { Link } from "#netlink/link.ts";
import type { Request } from "#netlink/message.ts";
import { failed } from "#plugins/container.ts";
import type { VethPair } from "#plugins/veth.ts";
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

/** What puts a port into its VLANs, and out of the default one. */
export function portVlans(ifindex: number, conf: BridgeConf): readonly Request[] {
  const port = { ifindex };
  const requests: Request[] = [];
  if (conf.vlan !== 0) requests.push(addPortVlan(port, { vid: conf.vlan, pvid: true, untagged: true }));
  for (const { first, last } of conf.vlanTrunk) {
    requests.push(addPortVlan(port, { vid: first, ...(last > first ? { rangeEnd: last } : {}) }));
  }
  if (leavesDefaultVlan(conf)) requests.push(removePortVlan(port, { vid: defaultVid }));
  return requests;
}

function leavesDefaultVlan(conf: BridgeConf): boolean {
  const trunked = conf.vlanTrunk.some(({ first, last }) => first <= defaultVid && defaultVid <= last);
  const native = conf.vlan === 0 || conf.vlan === defaultVid;
  return !conf.preserveDefaultVlan && !native && !trunked;
}

// The bridge's own end must be a member for the node to take part in a trunk's VLANs.
function bridgeVlan(device: Link, first: number, last: number): Request {
  return addPortVlan(
    { ifindex: device.index, self: true },
    { vid: first, ...(last > first ? { rangeEnd: last } : {}) },
  );
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
  if (leavesDefaultVlan(conf) && present.some(({ vid }) => vid === defaultVid)) {
    throw failed(`port ${port.name} is in VLAN ${defaultVid}, which it had left`);
  }
  for (const { first, last } of conf.vlanTrunk) {
    for (let vid = first; vid <= last; vid++) {
      if (!present.some((vlan) => vlan.vid === vid)) throw failed(`port ${port.name} is not in VLAN ${vid}`);
    }
  }
}
