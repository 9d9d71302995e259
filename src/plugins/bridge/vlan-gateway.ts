// The gateway of a VLAN: one end of a veth pair whose other end is a port in it, there as long as an attachment uses it.
//
//     RUN_DIR/vlan-gateways/cni0.100/NETWORK:CONTAINER:IFNAME      one empty file a user; the folder goes with the last
//     RUN_DIR/vlan-gateways.lock                                   held while users come and go

import { mkdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { KernelError } from "#kernel/errno.ts";
import { randomMac } from "#net/mac.ts";
import { addVeth, findLink, type Link, setLink } from "#netlink/link.ts";
import { namesIn } from "#plugins/folder.ts";
import type { Host } from "#plugins/host.ts";
import { ioFailure } from "#plugins/io-failure.ts";
import type { Owner } from "#plugins/ledger.ts";
import { lockRun } from "#plugins/run-lock.ts";
import { choosePair } from "#plugins/veth.ts";
import type { BridgeConf } from "./conf.ts";
import { skipDuplicateCheck } from "./device.ts";
import { portVlans } from "./vlan.ts";

/** Tells our links from those of an administrator or the reference, which stay. */
const alias = "twill VLAN gateway";

/** The folder of the users, and the lock beside it. */
const folderName = "vlan-gateways";

/** `cni0.100` */
export function vlanGatewayName(conf: BridgeConf): string {
  return `${conf.bridge}.${conf.vlan}`;
}

/**
 * The link that carries the gateway addresses of the configured VLAN, made if it is not there. `owner` uses it from now on.
 * @throws CniError 5 when that cannot be written down
 */
export async function joinVlanGateway(device: Link, conf: BridgeConf, owner: Owner, host: Host): Promise<Link> {
  const folder = `${rootOf(host)}/${vlanGatewayName(conf)}`;
  using _lock = await lockRun(host, folderName);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(`${folder}/${userName(owner)}`, "");
  } catch (cause) {
    throw ioFailure(`Cannot write down a user of ${vlanGatewayName(conf)} in ${folder}`, "it must take files", cause);
  }
  return ensureLink(device, conf, host);
}

/** `owner` uses no gateway any more; what only it used is removed. @throws CniError 5 */
export async function leaveVlanGateways(owner: Owner, host: Host): Promise<void> {
  // Nearly every node has none.
  if (namesIn(rootOf(host)).length === 0) return;
  using _lock = await lockRun(host, folderName);
  for (const name of namesIn(rootOf(host))) {
    const folder = `${rootOf(host)}/${name}`;
    try {
      rmSync(`${folder}/${userName(owner)}`, { force: true });
      if (namesIn(folder).length > 0) continue;
      removeOwnLink(name, host);
      rmdirSync(folder);
    } catch (cause) {
      if (cause instanceof KernelError) throw cause;
      throw ioFailure(`Cannot strike out a user of ${name} in ${folder}`, "it must be writable", cause);
    }
  }
}

function ensureLink(device: Link, conf: BridgeConf, host: Host): Link {
  const route = host.route();
  const name = vlanGatewayName(conf);
  const found = findLink(route, name);
  if (found !== undefined) return found;
  const pair = choosePair(host);
  const size = conf.mtu > 0 ? { mtu: conf.mtu } : {};
  route.apply([
    addVeth(
      { name: pair.hostName, index: pair.hostIndex, master: device.index, up: true, ...size },
      { name, index: pair.containerIndex, mac: randomMac(host.random), ...size },
    ),
    setLink(pair.containerIndex, { alias }, name),
    ...portVlans(pair.hostIndex, { ...conf, vlanTrunk: [] }),
  ]);
  skipDuplicateCheck(conf, host, name);
  route.apply([setLink(pair.containerIndex, { up: true }, name)]);
  const made = findLink(route, name);
  if (made === undefined) throw new Error(`bridge: "${name}" vanished while it was being set up: try again`);
  return made;
}

function removeOwnLink(name: string, host: Host): void {
  const link = findLink(host.route(), name);
  if (link?.alias !== alias) return;
  const node = { connection: host.route(), netns: host.netns };
  host.remover.remove(link, node, node);
}

function rootOf(host: Host): string {
  return `${host.runDir}/${folderName}`;
}

function userName({ network, containerId, ifname }: Owner): string {
  return `${network}:${containerId}:${ifname}`;
}
