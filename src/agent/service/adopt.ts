// From the kernel's translation to the packet path's: connections that the kernel has translated so far go on, translated by the
// programs. Those of the node's own sockets stay the kernel's, which sees all of their packets anyway.

import { messageOf } from "#base/error-message.ts";
import { encode } from "#codec/codec.ts";
import { connectionFlags, tuple } from "#datapath/connection-format.ts";
import type { Tuple } from "#datapath/connections.ts";
import type { Datapath } from "#datapath/datapath.ts";
import { monotonicSeconds } from "#kernel/monotonic-clock.ts";
import { addressOf } from "#net/cidr.ts";
import { families, type Ip } from "#net/ip.ts";
import { listAddresses } from "#netlink/address.ts";
import { listConnections, type TrackedConnection } from "#netlink/conntrack.ts";
import type { Host } from "#plugins/host.ts";
import { protocolNumbers } from "./row.ts";

export type TakeOverOptions = {
  readonly host: Pick<Host, "route" | "netfilter">;
  readonly datapath: Datapath;
  readonly log: (line: string) => void;
};

/**
 * Has the packet path translate services from now on, where an earlier agent has left that to the kernel; the maps of services are full by now.
 * Looks twice: a connection may begin while the first ones are taken over.
 */
export function takeOver(options: TakeOverOptions): void {
  const { datapath, log } = options;
  if (!datapath.isHeldBack) return;
  const adopted = adopt(options);
  datapath.translate();
  log(`services: ${adopted + adopt(options)} connections that the kernel has translated are ours now`);
}

/** How many connections that were; those that cannot be taken over end. */
function adopt(options: TakeOverOptions): number {
  try {
    return adoptConnections(options);
  } catch (error) {
    options.log(`services: cannot take over connections: ${messageOf(error)}`);
    return 0;
  }
}

type Place = {
  /** The number of the service that is asked there; undefined: none. */
  readonly serviceAt: (asked: Tuple) => number | undefined;
  readonly isPodHere: (address: Ip) => boolean;
  readonly isOwn: (address: Ip) => boolean;
};

/** @throws KernelError */
function adoptConnections({ host, datapath }: TakeOverOptions): number {
  const pods = new Set(datapath.endpoints().map(({ address }) => address));
  const own = new Set(listAddresses(host.route()).map(({ address }) => addressOf(address)));
  const { frontends } = datapath.services;
  const { connections, translations } = datapath.connections;
  const place: Place = {
    serviceAt: ({ destination: address, destinationPort: port, protocol }) =>
      frontends.get({ address, port, protocol })?.service,
    isPodHere: (address) => pods.has(address),
    isOwn: (address) => own.has(address),
  };
  const tracked = families.flatMap((family) => listConnections(host.netfilter(), family));
  const fresh = tracked
    .flatMap((each) => toAdopted(each, place) ?? [])
    .filter(({ asked }) => translations.get(asked) === undefined);
  const seen = monotonicSeconds();
  for (const { asked, to, service, flags } of fresh) {
    const { key, isExchanged } = keyOf(to);
    // Of no generation that there is: policies are asked again, now about the pod behind the service.
    const state = {
      ...{ seen, opened: seen, generation: 0xffff_ffff, egressRule: 0, ingressRule: 0, service },
    };
    connections.set(key, { ...state, flags: flags | (isExchanged ? connectionFlags.exchanged : 0) });
    translations.set(turn(to), { to: turn(asked), seen, service });
    translations.set(asked, { to, seen, service });
    connections.delete(keyOf(asked).key);
  }
  return fresh.length;
}

type Adopted = {
  readonly asked: Tuple;
  readonly to: Tuple;
  readonly service: number;
  readonly flags: number;
};

function toAdopted(tracked: TrackedConnection, { serviceAt, isPodHere, isOwn }: Place): Adopted | undefined {
  const { original, reply } = tracked;
  if (tracked.protocol !== "tcp" && tracked.protocol !== "udp" && tracked.protocol !== "sctp") return undefined;
  const protocol = protocolNumbers[tracked.protocol];
  const asked = toTuple(protocol, original);
  const to = turn(toTuple(protocol, reply));
  const isTranslated = to.destination !== asked.destination || to.destinationPort !== asked.destinationPort;
  if (!isTranslated || (isOwn(asked.source) && !isPodHere(asked.source))) return undefined;
  const service = serviceAt(asked);
  if (service === undefined) return undefined;
  const here =
    (isPodHere(asked.source) ? connectionFlags.openerHere : 0) |
    (isPodHere(to.destination) ? connectionFlags.otherHere : 0);
  return { asked, to, service, flags: connectionFlags.answered | connectionFlags.translated | here };
}

function toTuple(protocol: number, { src, dst, srcPort = 0, dstPort = 0 }: TrackedConnection["original"]): Tuple {
  return { source: src, destination: dst, sourcePort: srcPort, destinationPort: dstPort, protocol };
}

function turn({ source, destination, sourcePort, destinationPort, ...rest }: Tuple): Tuple {
  return {
    ...rest,
    ...{ source: destination, destination: source, sourcePort: destinationPort, destinationPort: sourcePort },
  };
}

/** As bpf/tuple.h, make_key. */
function keyOf(ends: Tuple): { readonly key: Tuple; readonly isExchanged: boolean } {
  const view = new DataView(encode(tuple, ends).slice().buffer);
  const word = (at: number) => view.getBigUint64(at, true);
  const [source, destination] = [
    [word(8), word(0)],
    [word(24), word(16)],
  ] as const;
  const [high, low] = [compare(source[0], destination[0]), compare(source[1], destination[1])];
  const order = high || low || compare(view.getUint16(32, true), view.getUint16(34, true));
  return order > 0 ? { key: turn(ends), isExchanged: true } : { key: ends, isExchanged: false };
}

function compare<T extends number | bigint>(a: T, b: T): number {
  if (a === b) return 0;
  return a > b ? 1 : -1;
}
