// ptp: a routed veth pair between node and container, each side with a host route to the other.

import { Rollback } from "#base/rollback.ts";
import { bool, decode, type Infer, int, object, string, unlessEmpty, withDefault } from "#cni/decode.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call, Plugin } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import { specVersions } from "#cni/version.ts";
import { addressOf, familyOfCidr, hostCidr, hostIfAddr, type IfAddr } from "#net/cidr.ts";
import { listAddresses } from "#netlink/address.ts";
import { listRoutes, RouteTable } from "#netlink/route.ts";
import { checkAttachment } from "#plugins/attachment-check.ts";
import { failed, openNetns, prepareIpv6, requireFreeName, writeSysctlIfThere } from "#plugins/container.ts";
import { chooseDns } from "#plugins/container-link.ts";
import type { Host } from "#plugins/host.ts";
import { addIpam, checkIpam, delIpam, ipamType, needsInterface, statusIpam } from "#plugins/ipam.ts";
import { ownerOf } from "#plugins/ledger.ts";
import { addMasquerade, checkMasquerade, requireNftables } from "#plugins/masquerade.ts";
import { enableForwarding, gatewayOf } from "#plugins/node-gateway.ts";
import { waitUntilOwn } from "#plugins/own-addresses.ts";
import { hostEnd, makePair } from "#plugins/veth.ts";
import {
  delVethAttachment,
  gcVethAttachments,
  removeVethAttachment,
  type VethPlugin,
} from "#plugins/veth-attachment.ts";
import type { VethRecord } from "#plugins/veth-record.ts";
import { containerRequests, nodeRequests } from "./wiring.ts";

const ptpConf = object({
  ipMasq: withDefault(bool, false),
  ipMasqBackend: unlessEmpty(string),
  mtu: withDefault(int({ min: 0, max: 65535 }), 0),
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

const attachments: VethPlugin = { name: ptp.name };

async function add(call: Call, host: Host): Promise<Result> {
  const conf = readConf(call);
  const ipam = requireIpam(call);
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  requireFreeName(container, call);
  await using undo = new Rollback();
  const ask = async () => {
    const given = await addIpam(call, ipam, host);
    undo.defer("release the addresses", () => delIpam(call, ipam, host));
    return given;
  };
  const early = needsInterface(ipam) ? undefined : await ask();
  const owner = ownerOf(call, ptp.name);
  undo.defer("remove the attachment", () =>
    removeVethAttachment(host, attachments, owner, { connection: container, netns }),
  );
  const pair = makePair({ ifname: call.ifname, netns, container, mtu: conf.mtu }, host, ({ hostName }) =>
    host.ledger.write(owner, recordOf(conf, hostName, early)),
  );
  // A container must not give the node addresses or routes by router advertisements.
  writeSysctlIfThere(host.netns, `net/ipv6/conf/${pair.hostName}/accept_ra`, "0");
  // The node asks for the container by its link-local address, and would first watch that for a second or two.
  writeSysctlIfThere(host.netns, `net/ipv6/conf/${pair.hostName}/accept_dad`, "0");
  const pool = early ?? (await ask());
  if (early === undefined) host.ledger.write(owner, recordOf(conf, pair.hostName, pool));
  const ips = pool.ips.map((ip) => ({ ...ip, gateway: gatewayOf(ip) }));
  for (const { address } of ips) enableForwarding(familyOfCidr(address), host);
  prepareIpv6(netns, call.ifname, ips);
  host.route().apply(nodeRequests(pair, ips));
  container.apply(containerRequests(pair, call.ifname, { ips, routes: pool.routes }));
  await waitUntilOwn(container, ips, host);
  if (conf.ipMasq) addMasquerade(host, owner, addressesIn(pool));
  const result: Result = {
    interfaces: [
      { name: pair.hostName, mac: pair.hostMac },
      { name: call.ifname, mac: pair.containerMac, sandbox: call.netns },
    ],
    ips: ips.map((ip) => ({ ...ip, interface: 1 })),
    routes: pool.routes,
    dns: chooseDns(call, pool.dns),
  };
  undo.keep();
  return result;
}

async function del(call: Call, host: Host): Promise<void> {
  await delVethAttachment(call, host, attachments);
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
    const routes = listRoutes(host.route(), familyOfCidr(address), { table: RouteTable.main });
    if (!routes.some(({ dst, oif }) => dst === target && oif === port.index)) {
      throw failed(`the node has no route to ${target} by ${port.name}`);
    }
    const own = gateway === undefined ? undefined : hostIfAddr(gateway);
    if (own !== undefined && !present.includes(own)) throw failed(`${port.name} has no address ${own}`);
  }
  if (!conf.ipMasq) return;
  checkMasquerade(host, ownerOf(call, ptp.name), addressesIn({ ips: addresses }));
}

async function gc(call: Call, host: Host): Promise<void> {
  requireIpam(call);
  await gcVethAttachments(call, host, attachments);
}

async function status(call: Call, host: Host): Promise<void> {
  readConf(call);
  await statusIpam(call, requireIpam(call), host);
}

function readConf(call: Call) {
  const conf = decode(ptpConf, call.config, call.type);
  requireNftables(call, conf.ipMasqBackend);
  return conf;
}

function requireIpam(call: Call): string {
  const type = ipamType(call);
  if (type !== undefined) return type;
  throw new CniError(ErrorCode.invalidConfig, 'ptp: field "ipam.type" is missing: a routed container needs an address');
}

/** Without addresses while the IPAM plugin has not been asked: it needs the interface first. */
function recordOf(conf: Infer<typeof ptpConf>, hostName: string, pool: Result | undefined): VethRecord {
  return { hostName, addresses: pool === undefined ? [] : addressesIn(pool), masquerade: conf.ipMasq };
}

function addressesIn({ ips }: Pick<Result, "ips">): readonly IfAddr[] {
  return ips.map(({ address }) => address);
}
