// ptp: a routed veth pair between node and container, each side with a host route to the other.

import { Rollback } from "#base/rollback.ts";
import { cniDns } from "#cni/convert.ts";
import { bool, decode, int, object, optional, string, unlessEmpty, withDefault } from "#cni/decode.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call, Plugin } from "#cni/plugin.ts";
import type { IpConfig, Result } from "#cni/result.ts";
import { specVersions } from "#cni/version.ts";
import type { Netns } from "#kernel/netns.ts";
import { addressOf, contains, familyOfCidr, hostCidr, type IfAddr, joinIfAddr, networkOf } from "#net/cidr.ts";
import { bitsOf, familyOf, type Ip, offsetIp } from "#net/ip.ts";
import { addAddress, listAddresses } from "#netlink/address.ts";
import type { Connection } from "#netlink/connection.ts";
import { setLink } from "#netlink/link.ts";
import type { Request } from "#netlink/message.ts";
import { addRoute, appendRoute, listRoutes, replaceRoute } from "#netlink/route.ts";
import { checkAttachment } from "#plugins/attachment-check.ts";
import { refuseIptables } from "#plugins/bridge/conf.ts";
import { enableForwarding } from "#plugins/bridge/device.ts";
import {
  failed,
  openNetns,
  openNetnsIfThere,
  prepareIpv6,
  requireFreeName,
  toRoute,
  writeSysctlIfThere,
} from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import { addIpam, checkIpam, delIpam, gcIpam, ipamType, statusIpam } from "#plugins/ipam.ts";
import { type Owner, ownerOf } from "#plugins/ledger.ts";
import { addMasquerade, checkMasquerade, removeMasquerade } from "#plugins/masquerade.ts";
import { hostEnd, makePair, removePair, type VethPair } from "#plugins/veth.ts";
import { readVethRecord } from "#plugins/veth-record.ts";

const ptpConf = object({
  ipMasq: withDefault(bool, false),
  ipMasqBackend: unlessEmpty(string),
  mtu: withDefault(int({ min: 0, max: 65535 }), 0),
  dns: optional(cniDns),
});

export const ptp: Plugin<Host> = {
  name: "ptp",
  about: "joins a container to the node by a routed veth pair",
  versions: specVersions,
  add,
  del,
  check,
  gc,
  status,
};

async function add(call: Call, host: Host): Promise<Result> {
  const conf = readConf(call);
  const ipam = requireIpam(call);
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  requireFreeName(container, call);
  await using undo = new Rollback();
  const pool = await addIpam(call, ipam, host);
  undo.defer("release the addresses", () => delIpam(call, ipam, host));
  const ips = pool.ips.map((ip) => ({ ...ip, gateway: gatewayOf(ip) }));
  const addresses = ips.map(({ address }) => address);
  const owner = ownerOf(call, ptp.name);
  undo.defer("remove the attachment", () => removeAttachment(host, owner, { connection: container, netns }));
  const pair = makePair({ ifname: call.ifname, netns, container, mtu: conf.mtu }, host, ({ hostName }) =>
    host.ledger.write(owner, { hostName, addresses, masquerade: conf.ipMasq }),
  );
  for (const { address } of ips) enableForwarding(familyOfCidr(address), host);
  prepareIpv6(netns, call.ifname, ips);
  // A container must not give the node addresses or routes by router advertisements.
  writeSysctlIfThere(host.netns, `net/ipv6/conf/${pair.hostName}/accept_ra`, "0");
  host.route().apply(nodeRequests(pair, ips));
  container.apply(containerRequests(pair, call.ifname, { ...pool, ips }));
  if (conf.ipMasq) addMasquerade(host, owner, addresses);
  undo.keep();
  return {
    interfaces: [
      { name: pair.hostName, mac: pair.hostMac },
      { name: call.ifname, mac: pair.containerMac, sandbox: call.netns },
    ],
    ips: ips.map((ip) => ({ ...ip, interface: 1 })),
    routes: pool.routes,
    dns: conf.dns ?? pool.dns,
  };
}

async function del(call: Call, host: Host): Promise<void> {
  using netns = openNetnsIfThere(call);
  using container = netns === undefined ? undefined : host.routeIn(netns);
  const ipam = ipamType(call);
  const inside = netns === undefined || container === undefined ? undefined : { connection: container, netns };
  try {
    if (ipam !== undefined) await delIpam(call, ipam, host);
  } finally {
    removeAttachment(host, ownerOf(call, ptp.name), inside);
  }
}

async function check(call: Call, host: Host): Promise<void> {
  const conf = readConf(call);
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  await checkIpam(call, requireIpam(call), host);
  const { inside, addresses } = checkAttachment(call, container, "veth");
  const port = hostEnd(host, inside);
  if (port === undefined) throw failed(`the node's end of ${call.ifname} is gone`);
  if (!port.up) throw failed(`the node's end of ${call.ifname}, ${port.name}, is down`);
  const present = listAddresses(host.route(), port.index).map(({ address }) => address);
  for (const { address, gateway } of addresses) {
    const target = hostCidr(addressOf(address));
    const routes = listRoutes(host.route(), familyOfCidr(address), { table: 254 });
    if (!routes.some(({ dst, oif }) => dst === target && oif === port.index)) {
      throw failed(`the node has no route to ${target} by ${port.name}`);
    }
    const own = gateway === undefined ? undefined : hostAddress(gateway);
    if (own !== undefined && !present.includes(own)) throw failed(`${port.name} has no address ${own}`);
  }
  if (!conf.ipMasq) return;
  checkMasquerade(
    host,
    ownerOf(call, ptp.name),
    addresses.map(({ address }) => address),
  );
}

async function gc(call: Call, host: Host): Promise<void> {
  if (call.validAttachments !== undefined) {
    for (const owner of host.ledger.stale(call.network, ptp.name, call.validAttachments)) removeAttachment(host, owner);
  }
  await gcIpam(call, requireIpam(call), host);
}

async function status(call: Call, host: Host): Promise<void> {
  readConf(call);
  await statusIpam(call, requireIpam(call), host);
}

function readConf(call: Call) {
  const conf = decode(ptpConf, call.config, call.type);
  refuseIptables(call, conf.ipMasqBackend);
  return conf;
}

function requireIpam(call: Call): string {
  const type = ipamType(call);
  if (type !== undefined) return type;
  throw new CniError(ErrorCode.invalidConfig, 'ptp: field "ipam.type" is missing: a routed container needs an address');
}

function removeAttachment(
  host: Host,
  owner: Owner,
  container?: { readonly connection: Connection; readonly netns: Netns },
): void {
  const record = readVethRecord(host, owner);
  removePair(host, container, owner.ifname, record?.hostName);
  if (record?.masquerade === true) removeMasquerade(host, owner, record.addresses);
  host.ledger.remove(owner);
}

/** The pool's gateway, else the first address of the subnet. */
function gatewayOf({ address, gateway }: IpConfig): Ip {
  return gateway ?? offsetIp(addressOf(networkOf(address)), 1);
}

function hostAddress(address: Ip): IfAddr {
  return joinIfAddr(address, bitsOf(familyOf(address)));
}

/** The node's end has the gateways as its own addresses, and a route to each address of the container. */
function nodeRequests(
  { hostIndex, hostName }: VethPair,
  ips: readonly (IpConfig & { readonly gateway: Ip })[],
): readonly Request[] {
  return ips.flatMap(({ address, gateway }) => [
    addAddress(hostIndex, hostAddress(gateway), {
      dev: hostName,
      noDad: familyOf(gateway) === "ipv6",
      allow: ["EEXIST"],
    }),
    replaceRoute({ dst: hostCidr(addressOf(address)), oif: hostIndex, scope: "link" }),
  ]);
}

/**
 * The container keeps its prefix length for show, but reaches its subnet through the gateway: nothing but the node is on
 * the wire.
 */
function containerRequests(pair: VethPair, name: string, result: Result): readonly Request[] {
  const index = pair.containerIndex;
  const addresses = result.ips.map(({ address }) =>
    addAddress(index, address, { dev: name, noDad: familyOfCidr(address) === "ipv6", noPrefixRoute: true }),
  );
  const links = result.ips.flatMap(({ address, gateway }) => {
    if (gateway === undefined) return [];
    const prefSrc = addressOf(address);
    return [
      addRoute({ dst: hostCidr(gateway), oif: index, scope: "link", prefSrc }, ["EEXIST"]),
      addRoute({ dst: networkOf(address), gateway, oif: index, prefSrc }, ["EEXIST"]),
    ];
  });
  const routes = result.routes.map((given) => {
    const route = toRoute(given, result.ips, index);
    // With the subnet behind the gateway, the kernel would not take another of its addresses for a neighbour.
    const onLink = given.gw !== undefined && isOtherNeighbour(given.gw, result.ips);
    return appendRoute({ ...route, onLink }, ["EEXIST"]);
  });
  return [...addresses, setLink(index, { up: true }, name), ...links, ...routes];
}

function isOtherNeighbour(gateway: Ip, ips: readonly IpConfig[]): boolean {
  const own = ips.some((ip) => ip.gateway === gateway || addressOf(ip.address) === gateway);
  return !own && ips.some(({ address }) => contains(networkOf(address), gateway));
}
