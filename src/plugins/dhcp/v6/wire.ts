// The way from a container's interface to its DHCPv6 servers: a socket on the interface's link-local address.

import { Netns } from "#kernel/netns.ts";
import { Udp6Socket } from "#kernel/udp6-socket.ts";
import { type Ip, ip } from "#net/ip.ts";
import type { Mac } from "#net/mac.ts";
import { Connection } from "#netlink/connection.ts";
import { InterfaceGone, linkAt, type Place } from "#plugins/dhcp/wire.ts";
import { readyLinkLocal } from "./link-local.ts";

/** RFC 8415, section 7.2. */
const Port = { client: 546, server: 547 } as const;
/** RFC 8415, section 7.1: All_DHCP_Relay_Agents_and_Servers. Servers are never spoken to alone (RFC 9915 does away with that). */
const allServers: Ip = ip("ff02::1:2");

/** An open exchange on one interface. */
export class Wire6 implements Disposable {
  readonly mac: Mac;
  readonly #socket: Udp6Socket;

  /** @throws InterfaceGone when the interface is not there; NetnsError when the namespace is not; KernelError. */
  constructor(place: Place) {
    using netns = new Netns(place.netns);
    using connection = new Connection("route", netns);
    const link = linkAt(connection, place);
    if (link.mac === undefined) throw new InterfaceGone(`Interface "${place.ifname}" has no Ethernet address`);
    this.mac = link.mac;
    const address = readyLinkLocal(netns, connection, link, link.mac);
    this.#socket = new Udp6Socket(netns, { ifindex: link.index, address, port: Port.client });
  }

  listen(): Promise<void> {
    return this.#socket.listen();
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
    this.#socket[Symbol.dispose]();
  }
}
