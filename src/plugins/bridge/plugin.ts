// bridge: joins a container to a bridge by a veth pair, as its layer 2 segment or with the bridge as its gateway.

import { Rollback } from "#base/rollback.ts";
import type { Call, Plugin } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import { specVersions } from "#cni/version.ts";
import type { Netns } from "#kernel/netns.ts";
import { defaultCidr, familyOfCidr, isDefault } from "#net/cidr.ts";
import { families } from "#net/ip.ts";
import type { Mac } from "#net/mac.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink, type Link, setArpNotify, setBridgePort, setLink } from "#netlink/link.ts";
import { checkAttachment } from "#plugins/attachment-check.ts";
import { configureRequests, openNetns, prepareIpv6, requireFreeName, writeSysctlIfThere } from "#plugins/container.ts";
import { chooseDns } from "#plugins/container-link.ts";
import { waitForAddresses } from "#plugins/duplicate-address.ts";
import type { Host } from "#plugins/host.ts";
import { addIpam, checkIpam, delIpam, ipamType, needsInterface, statusIpam } from "#plugins/ipam.ts";
import { ownerOf } from "#plugins/ledger.ts";
import { addMasquerade } from "#plugins/masquerade.ts";
import { gatewayOf } from "#plugins/node-gateway.ts";
import { waitUntilOwn } from "#plugins/own-addresses.ts";
import { removeReferenceGuard } from "#plugins/reference-rules.ts";
import { makePair, type VethPair } from "#plugins/veth.ts";
import {
  delVethAttachment,
  gcVethAttachments,
  removeVethAttachment,
  type VethPlugin,
} from "#plugins/veth-attachment.ts";
import type { VethRecord } from "#plugins/veth-record.ts";
import { checkBridgePort } from "./check.ts";
import { type BridgeConf, readBridgeConf } from "./conf.ts";
import { ensureBridge, ensureGateway } from "./device.ts";
import { guardMac, unguardMac } from "./spoof-check.ts";
import { configureVlans } from "./vlan.ts";
import { joinVlanGateway, leaveVlanGateways } from "./vlan-gateway.ts";

export const bridge: Plugin<Host> = {
  name: "bridge",
  about: "joins a container to a bridge on the node",
  versions: specVersions,
  add,
  del,
  check,
  gc,
  status,
};

const attachments: VethPlugin = {
  name: bridge.name,
  async removeMore(host, owner, record) {
    if (record === undefined) removeReferenceGuard(host, owner);
    else if (record.guardedMac !== undefined) unguardMac(host, owner, record.hostName, record.guardedMac);
    await leaveVlanGateways(owner, host);
  },
};

async function add(call: Call, host: Host): Promise<Result> {
  const conf = readBridgeConf(call);
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  requireFreeName(container, call);
  await using undo = new Rollback();
  const device = ensureBridge(conf, host);
  const owner = ownerOf(call, bridge.name);
  undo.defer("remove the attachment", () =>
    removeVethAttachment(host, attachments, owner, { connection: container, netns }),
  );
  const ipam = ipamType(call);
  const isLate = ipam !== undefined && needsInterface(ipam);
  let addresses: Result = { interfaces: [], ips: [], routes: [], dns: {} };
  if (ipam !== undefined && !isLate) {
    addresses = await addIpam(call, ipam, host);
    undo.defer("release the addresses", () => delIpam(call, ipam, host));
  }
  const pair = makePair(
    {
      ifname: call.ifname,
      netns,
      container,
      mtu: conf.mtu,
      mac: conf.mac,
      master: device.index,
      also: (made) => portRequests(conf, made),
    },
    host,
    ({ hostName, containerMac }) => host.ledger.write(owner, recordOf(conf, hostName, containerMac, addresses)),
  );
  // While the container's end is down still: not one frame slips by.
  if (conf.macspoofchk) guardMac(host, owner, pair.hostName, pair.containerMac);
  configureVlans(host.route(), device, pair, conf);
  if (ipam !== undefined && isLate) {
    // The first packet would be lost while the bridge's port is still down.
    container.apply([setLink(pair.containerIndex, { up: true }, call.ifname)]);
    await waitUntilUp(pair, conf, host);
    addresses = await addIpam(call, ipam, host);
    undo.defer("release the addresses", () => delIpam(call, ipam, host));
    host.ledger.write(owner, recordOf(conf, pair.hostName, pair.containerMac, addresses));
  }
  const layer3 = conf.isGateway ? withGateways(addresses, conf) : addresses;
  if (!conf.disableContainerInterface) await configureContainer(call, conf, layer3, pair, container, netns, host);
  const vlanGateway = conf.isGateway && conf.vlan !== 0 ? await joinVlanGateway(device, conf, owner, host) : undefined;
  if (conf.isGateway) ensureGateway(vlanGateway ?? device, layer3.ips, conf, host);
  if (conf.ipMasq)
    addMasquerade(
      host,
      owner,
      layer3.ips.map(({ address }) => address),
    );
  const port = await waitUntilUp(pair, conf, host);
  const result: Result = {
    interfaces: [
      // A bridge that was not given an address of its own takes its lowest port's: this one's, perhaps.
      { name: conf.bridge, mac: findLink(host.route(), device.index)?.mac ?? "" },
      { name: pair.hostName, mac: port?.mac ?? pair.hostMac },
      { name: call.ifname, mac: pair.containerMac, sandbox: call.netns },
      ...(vlanGateway === undefined ? [] : [{ name: vlanGateway.name, mac: vlanGateway.mac ?? "" }]),
    ],
    ips: layer3.ips.map((ip) => ({ ...ip, interface: 2 })),
    routes: layer3.routes,
    dns: chooseDns(call, addresses.dns),
  };
  undo.keep();
  return result;
}

async function del(call: Call, host: Host): Promise<void> {
  await delVethAttachment(call, host, attachments);
}

async function check(call: Call, host: Host): Promise<void> {
  const conf = readBridgeConf(call);
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  const ipam = ipamType(call);
  if (ipam !== undefined) await checkIpam(call, ipam, host);
  const { inside, addresses } = checkAttachment(call, container, "veth", !conf.disableContainerInterface);
  checkBridgePort({ call, conf, host, inside, addresses, owner: ownerOf(call, bridge.name) });
}

async function gc(call: Call, host: Host): Promise<void> {
  await gcVethAttachments(call, host, attachments);
}

async function status(call: Call, host: Host): Promise<void> {
  readBridgeConf(call);
  const ipam = ipamType(call);
  if (ipam !== undefined) await statusIpam(call, ipam, host);
}

function recordOf(conf: BridgeConf, hostName: string, containerMac: Mac, { ips }: Result): VethRecord {
  const addresses = ips.map(({ address }) => address);
  const guard = conf.macspoofchk ? { guardedMac: containerMac } : {};
  return { hostName, addresses, masquerade: conf.ipMasq, ...guard };
}

function portRequests(conf: BridgeConf, pair: VethPair) {
  if (!conf.hairpinMode && !conf.portIsolation) return [];
  const port = { ...(conf.hairpinMode ? { hairpin: 1 } : {}), ...(conf.portIsolation ? { isolated: 1 } : {}) };
  return [setBridgePort(pair.hostIndex, port, pair.hostName)];
}

/** The gateway of a subnet is its first address unless the pool says otherwise; a default gateway brings a default route. */
function withGateways(result: Result, conf: BridgeConf): Result {
  const ips = result.ips.map((ip) => ({ ...ip, gateway: gatewayOf(ip) }));
  if (!conf.isDefaultGateway) return { ...result, ips };
  const routes = [...result.routes];
  for (const family of families) {
    const gateway = ips.find(({ address }) => familyOfCidr(address) === family)?.gateway;
    const present = routes.some((route) => isDefault(route.dst) && familyOfCidr(route.dst) === family);
    if (gateway !== undefined && !present) routes.push({ dst: defaultCidr(family), gw: gateway });
  }
  return { ...result, ips, routes };
}

async function configureContainer(
  call: Call,
  conf: BridgeConf,
  result: Result,
  pair: VethPair,
  container: Connection,
  netns: Netns,
  host: Host,
): Promise<void> {
  prepareIpv6(netns, call.ifname, result.ips);
  if (result.ips.some(({ address }) => familyOfCidr(address) === "ipv6")) {
    if (conf.enabledad) writeSysctlIfThere(netns, `net/ipv6/conf/${call.ifname}/enhanced_dad`, "1");
    writeSysctlIfThere(netns, `net/ipv6/conf/${call.ifname}/accept_dad`, conf.enabledad ? "1" : "0");
  }
  container.apply([
    // Neighbours of a former owner of the address learn the new hardware address at once.
    setArpNotify(pair.containerIndex, call.ifname),
    ...configureRequests(pair.containerIndex, call.ifname, result, { dad: conf.enabledad }),
  ]);
  if (conf.enabledad) await waitForAddresses(container, pair.containerIndex, call.ifname, host);
  await waitUntilOwn(container, result.ips, host);
}

const portPollMs = [0, 1, 2, 5, 10, 50, 200, 500, 1000] as const;

/** A port takes part once the kernel has noticed that both ends are up, which is a moment after it was told. */
async function waitUntilUp(pair: VethPair, conf: BridgeConf, host: Host): Promise<Link | undefined> {
  const operstateUp = 6;
  for (const ms of portPollMs) {
    const link = findLink(host.route(), pair.hostIndex);
    if (link === undefined || link.operstate === operstateUp || conf.disableContainerInterface) return link;
    if (ms > 0) await host.sleep(ms);
  }
  throw new Error(`bridge: port ${pair.hostName} of ${conf.bridge} did not come up within 1.8 seconds`);
}
