// Lets the kernel answer for the addresses of balancers that this node has been chosen for, and tells the link when that changes.

import type { Device } from "#agent/devices/want.ts";
import { messageOf } from "#base/error-message.ts";
import { isErrno } from "#kernel/errno.ts";
import { Netns, openOwnNetns } from "#kernel/netns.ts";
import { PacketSocket } from "#kernel/packet-socket.ts";
import { announcement } from "#net/announcement.ts";
import { addressOf, hostCidr, lengthOf } from "#net/cidr.ts";
import { bitsOf, families, familyOf, type Ip } from "#net/ip.ts";
import type { Connection } from "#netlink/connection.ts";
import { addVeth, findLink, setLink, setNoLinkLocal } from "#netlink/link.ts";
import {
  addProxyNeighbour,
  listProxyNeighbours,
  type ProxyNeighbour,
  removeProxyNeighbour,
} from "#netlink/proxy-neighbour.ts";
import { listRoutes, type Route, RouteTable, removeRoute, replaceRoute } from "#netlink/route.ts";
import { readSysctlIfThere, writeSysctlIfThere } from "#plugins/container.ts";

/**
 * The kernel answers for an address (proxy ARP, proxy NDP) when its route leads over another device than the question came from: the
 * addresses' routes lead here, where nothing is. What the packet path does not take ends here, too.
 */
const sinkName = "twill-outer";
const sinkPeer = "twill-outer0";

/** ETH_P_ARP: nothing is received, any would do. */
const someEtherType = 0x0806;
/** Hosts may miss the first one. */
const repeatMs: readonly number[] = [0, 1_000, 3_000];

export type AnnouncerOptions = {
  readonly connection: Connection;
  readonly netns: Netns | undefined;
  readonly log: (line: string) => void;
};

export class Announcer implements Disposable {
  readonly #options: AnnouncerOptions;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #last: { readonly addresses: readonly Ip[]; readonly devices: readonly Device[] } | undefined;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** Answers for these addresses on these devices, and for no others. @throws KernelError */
  ensure(addresses: readonly Ip[], devices: readonly Device[]): void {
    const { connection, log } = this.#options;
    this.#last = { addresses, devices };
    const sink = findLink(connection, sinkName);
    if (addresses.length === 0 && sink === undefined) return;
    const ifindex = sink?.index ?? this.#makeSink();
    if (sink?.up === false) {
      connection.apply([setLink(ifindex, { up: true }, sinkName)]);
      log(`announce: ${sinkName} is up again`);
    }
    const have = { routes: readRoutes(connection, ifindex), proxies: listProxyNeighbours(connection) };
    const proxies = devices.flatMap((device) => addresses.map((address) => ({ ifindex: device.ifindex, address })));
    const fresh = proxies.filter((proxy) => !have.proxies.some((each) => sameProxy(each, proxy)));
    for (const device of devices)
      if (fresh.some((proxy) => proxy.ifindex === device.ifindex)) this.#prepare(device.name);
    const missing = addresses.filter((address) => !have.routes.some(({ dst }) => addressOf(dst) === address));
    connection.apply([
      ...missing.map((address) => replaceRoute(routeTo(address, ifindex))),
      ...fresh.map(addProxyNeighbour),
    ]);
    for (const { ifindex: on, address } of fresh) {
      log(`announce: ${address} is here, #${on}`);
      this.#tell(on, address);
    }
    const wanted = new Set(addresses);
    const surplus = have.routes.filter(({ dst }) => !wanted.has(addressOf(dst)));
    // An address without a route of ours was given to the kernel by somebody else.
    const ours = new Set([...have.routes.map(({ dst }) => addressOf(dst)), ...addresses]);
    const stale = have.proxies.filter(
      (each) => ours.has(each.address) && !proxies.some((proxy) => sameProxy(each, proxy)),
    );
    for (const { address } of stale) log(`announce: ${address} is another node's`);
    connection.apply([...stale.map(removeProxyNeighbour), ...surplus.map(removeRoute)]);
  }

  /** Once more what was asked for last: somebody may have taken it away. @throws KernelError */
  keep(): void {
    if (this.#last === undefined || this.#last.addresses.length === 0) return;
    const { netns } = this.#options;
    for (const { name } of this.#last.devices) {
      const isOff = readSysctlIfThere(netns, `net/ipv6/conf/${name}/proxy_ndp`) === "0";
      if (isOff) this.#prepare(name);
    }
    this.ensure(this.#last.addresses, this.#last.devices);
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #makeSink(): number {
    const { connection } = this.#options;
    // The other end stays down: what goes here goes nowhere. (Not every kernel has links of kind dummy.)
    connection.apply([addVeth({ name: sinkName }, { name: sinkPeer })]);
    const ifindex = findLink(connection, sinkName)?.index ?? 0;
    connection.apply([setNoLinkLocal(ifindex, sinkName), setLink(ifindex, { up: true }, sinkName)]);
    return ifindex;
  }

  /** Without these the kernel answers for IPv6 not at all, and for both up to a second late. */
  #prepare(device: string): void {
    const { netns } = this.#options;
    writeSysctlIfThere(netns, `net/ipv6/conf/${device}/proxy_ndp`, "1");
    for (const family of families) writeSysctlIfThere(netns, `net/${family}/neigh/${device}/proxy_delay`, "0");
  }

  #tell(ifindex: number, address: Ip): void {
    for (const delayMs of repeatMs) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#send(ifindex, address);
      }, delayMs);
      this.#timers.add(timer);
    }
  }

  #send(ifindex: number, address: Ip): void {
    const { connection, netns, log } = this.#options;
    try {
      const link = findLink(connection, ifindex);
      const isOurs = listProxyNeighbours(connection).some((each) => sameProxy(each, { ifindex, address }));
      if (link?.mac === undefined || !isOurs) return;
      using own = netns === undefined ? openOwnNetns() : new Netns(netns.path);
      using socket = new PacketSocket(own, ifindex, { etherType: someEtherType, filter: [[0x06, 0, 0, 0]] });
      socket.send(announcement(address, link.mac));
    } catch (error) {
      if (!isErrno(error, "ENODEV")) log(`announce: ${messageOf(error)}`);
    }
  }
}

function readRoutes(connection: Connection, sink: number): readonly Route[] {
  return families
    .flatMap((family) => listRoutes(connection, family, { table: RouteTable.main, oif: sink }))
    .filter(
      ({ oif, protocol, dst }) =>
        oif === sink && protocol === "twill" && lengthOf(dst) === bitsOf(familyOf(addressOf(dst))),
    );
}

function routeTo(address: Ip, oif: number): Route {
  return { dst: hostCidr(address), oif, protocol: "twill" };
}

function sameProxy(a: ProxyNeighbour, b: ProxyNeighbour): boolean {
  return a.ifindex === b.ifindex && a.address === b.address;
}
