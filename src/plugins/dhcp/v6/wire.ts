// The way from a container's interface to its DHCPv6 servers: a socket on the interface's link-local address.

import { openLinkUdp } from "#kernel/link-udp-socket.ts";
import { Netns } from "#kernel/netns.ts";
import type { UdpSocket } from "#kernel/udp-socket.ts";
import { hostCidr } from "#net/cidr.ts";
import { type Ip, ip } from "#net/ip.ts";
import type { Mac } from "#net/mac.ts";
import { Connection } from "#netlink/connection.ts";
import { listRoutes, RouteTable } from "#netlink/route.ts";
import { InterfaceGone, linkAt, type Place } from "#plugins/dhcp/wire.ts";
import { readyLinkLocal } from "./link-local.ts";

/** RFC 8415, section 7.2. */
const Port = { client: 546, server: 547 } as const;
/** RFC 8415, section 7.1: All_DHCP_Relay_Agents_and_Servers. Servers are never spoken to alone (RFC 9915 does away with that). */
const allServers: Ip = ip("ff02::1:2");

const receivePollMs = 1;
const maxReceivePolls = 200;

/** An open exchange on one interface. */
export class Wire6 implements Disposable {
  readonly mac: Mac;
  readonly #address: Ip;
  readonly #ifindex: number;
  readonly #connection: Connection;
  readonly #socket: UdpSocket;
  readonly #open: DisposableStack;

  /** @throws InterfaceGone when the interface is not there; NetnsError when the namespace is not; KernelError. */
  constructor(place: Place) {
    using netns = new Netns(place.netns);
    using opening = new DisposableStack();
    this.#connection = opening.use(new Connection("route", netns));
    const link = linkAt(this.#connection, place);
    if (link.mac === undefined) throw new InterfaceGone(`Interface "${place.ifname}" has no Ethernet address`);
    this.mac = link.mac;
    this.#ifindex = link.index;
    this.#address = readyLinkLocal(netns, this.#connection, link, link.mac);
    const bound = { ifindex: link.index, address: this.#address, port: Port.client };
    this.#socket = opening.use(openLinkUdp(netns, bound));
    this.#open = opening.move();
  }

  /** Answers reach the client from now on. @throws KernelError */
  async listen(): Promise<void> {
    await this.#socket.listen();
    // The kernel lets one send from a new address a moment before it takes what is sent to it, and servers are quick.
    for (let polls = 0; polls < maxReceivePolls && !this.#isReached(); polls++) {
      await this.#socket.receive(receivePollMs);
    }
  }

  /** To every server and relay of the link. @throws KernelError */
  send(payload: Uint8Array): void {
    this.#socket.send(payload, allServers, Port.server);
  }

  /** The next datagram to the client's port; undefined after `timeoutMs` or an abort. @throws KernelError */
  receive(timeoutMs: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    return this.#socket.receive(timeoutMs, signal);
  }

  [Symbol.dispose](): void {
    this.#open.dispose();
  }

  #isReached(): boolean {
    const own = hostCidr(this.#address);
    return listRoutes(this.#connection, "ipv6", { table: RouteTable.local }).some(
      ({ dst, oif, table }) => dst === own && oif === this.#ifindex && table === RouteTable.local,
    );
  }
}
