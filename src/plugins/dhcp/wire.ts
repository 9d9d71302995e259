// The way from a container's interface to its DHCP server: found, brought up, and opened for one exchange.

import { Netns } from "#kernel/netns.ts";
import { EtherType, PacketSocket } from "#kernel/packet-socket.ts";
import type { FilterStep } from "#kernel/socket-filter.ts";
import type { IfAddr } from "#net/cidr.ts";
import type { Mac } from "#net/mac.ts";
import { decodeUdpFrame, encodeUdpFrame, type UdpFrame } from "#net/udp-frame.ts";
import { removeAddress } from "#netlink/address.ts";
import { Connection } from "#netlink/connection.ts";
import { findLink, type Link, LinkFlag, setLink } from "#netlink/link.ts";

export const Port = { server: 67, client: 68 } as const;

// Lets UDP to the client's port through, first fragments only (classic BPF, offsets behind the Ethernet header).
const toClientPort: readonly FilterStep[] = [
  [0x30, 0, 0, 23], // ldb protocol
  [0x15, 0, 6, 17], // udp, else drop
  [0x28, 0, 0, 20], // ldh flags and fragment offset
  [0x45, 4, 0, 0x1fff], // a later fragment: drop
  [0xb1, 0, 0, 14], // ldx 4 * header length
  [0x48, 0, 0, 16], // ldh destination port
  [0x15, 0, 1, Port.client],
  [0x06, 0, 0, 0x40000], // accept
  [0x06, 0, 0, 0], // drop
];

/** The container, its namespace or its interface is gone: nothing is left to keep a lease for. */
export class InterfaceGone extends Error {
  readonly code = "INTERFACE_GONE";
}

export type Place = {
  /** The namespace's path. */
  readonly netns: string;
  readonly ifname: string;
  /** The interface must still be this one; undefined: whatever has the name. */
  readonly mac?: Mac | undefined;
};

/** An open exchange on one interface. */
export class Wire implements Disposable {
  readonly mac: Mac;
  /** Several interfaces share one hardware address: only a broadcast reaches one that has no IP address yet. */
  readonly needsBroadcast: boolean;
  readonly #socket: PacketSocket;

  /** @throws InterfaceGone when the interface is not there; NetnsError when the namespace is not; KernelError. */
  constructor(place: Place) {
    using netns = new Netns(place.netns);
    using connection = new Connection("route", netns);
    const link = linkAt(connection, place);
    if (link.mac === undefined) throw new InterfaceGone(`Interface "${place.ifname}" has no Ethernet address`);
    this.mac = link.mac;
    this.needsBroadcast = link.info?.kind === "ipvlan";
    this.#socket = new PacketSocket(netns, link.index, { etherType: EtherType.ipv4, filter: toClientPort });
  }

  listen(): Promise<void> {
    return this.#socket.listen();
  }

  send(frame: Omit<UdpFrame, "srcMac" | "srcPort" | "dstPort">): void {
    const ports = { srcPort: Port.client, dstPort: Port.server };
    this.#socket.send(encodeUdpFrame({ ...frame, ...ports, srcMac: this.mac }));
  }

  /** The next datagram to the client's port; undefined after `timeoutMs` or an abort. @throws KernelError */
  async receive(timeoutMs: number, signal?: AbortSignal): Promise<UdpFrame | undefined> {
    const frame = await this.#socket.receive(timeoutMs, signal);
    return frame === undefined ? undefined : decodeUdpFrame(frame);
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

const carrierPollMs = 2;

/**
 * Brings the interface up and waits for its carrier, at most `timeoutMs`: what is sent before is lost, and the next try comes
 * seconds later. @throws as `Wire`
 */
export async function waitForCarrier(
  place: Place,
  timeoutMs: number,
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  using netns = new Netns(place.netns);
  using connection = new Connection("route", netns);
  const link = linkAt(connection, place);
  if (!link.up) connection.apply([setLink(link.index, { up: true }, link.name)]);
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += carrierPollMs) {
    if (hasCarrier(linkAt(connection, place))) return;
    await sleep(carrierPollMs);
  }
}

/** Takes an address away whose lease has ended, while the interface lives on with another. @throws as `Wire` */
export function removeLeased(place: Place, address: IfAddr): void {
  using netns = new Netns(place.netns);
  using connection = new Connection("route", netns);
  connection.apply([removeAddress(linkAt(connection, place).index, address, { dev: place.ifname })]);
}

/** Takes the interface down: its address belongs to the server again. @throws as `Wire` */
export function takeDown(place: Place): void {
  using netns = new Netns(place.netns);
  using connection = new Connection("route", netns);
  connection.apply([setLink(linkAt(connection, place).index, { up: false }, place.ifname)]);
}

/** The interface. @throws InterfaceGone when there is none of the name, or another one. */
export function linkAt(connection: Connection, { netns, ifname, mac }: Place): Link {
  const link = findLink(connection, ifname);
  if (link === undefined) {
    throw new InterfaceGone(
      `Network namespace "${netns}" has no interface "${ifname}": the main plugin must make it before it asks for a lease`,
    );
  }
  if (mac !== undefined && link.mac !== mac) {
    throw new InterfaceGone(`Interface "${ifname}" of "${netns}" is another one: it has ${link.mac}, not ${mac}`);
  }
  return link;
}

function hasCarrier(link: Link): boolean {
  const operUp = 6;
  return link.operstate === operUp || (link.flags & LinkFlag.lowerUp) !== 0;
}
