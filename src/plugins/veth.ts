// A veth pair between the node and a container, made in one request, the far end directly inside the container.

import { CniError, ErrorCode } from "#cni/error.ts";
import { isErrno } from "#kernel/errno.ts";
import type { Netns } from "#kernel/netns.ts";
import type { Mac } from "#net/mac.ts";
import { randomMac } from "#net/mac.ts";
import type { Connection } from "#netlink/connection.ts";
import { addVeth, findLink, type Link, removeLink } from "#netlink/link.ts";
import type { Request } from "#netlink/message.ts";
import type { Host } from "./host.ts";

export type VethPair = {
  readonly hostName: string;
  readonly hostIndex: number;
  readonly hostMac: Mac;
  readonly containerIndex: number;
  readonly containerMac: Mac;
};

export type VethWish = {
  readonly ifname: string;
  readonly netns: Netns;
  /** A connection inside `netns`. */
  readonly container: Connection;
  /** 0: the kernel's choice. */
  readonly mtu: number;
  readonly mac?: Mac | undefined;
  /** Ifindex of the bridge that the node's end belongs to. */
  readonly master?: number | undefined;
  /** Further requests of the same batch, given the pair's names and numbers. */
  readonly also?: (pair: VethPair) => readonly Request[];
};

const maxTries = 10;

/** Names and numbers for a new pair; nothing is made yet, so that a record of them can be written first. */
export function choosePair(host: Host, mac?: Mac): VethPair {
  const bytes = host.random(new Uint8Array(12));
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  // Both ends may be in one namespace.
  const index = (at: 4 | 8) => 0x10_0000 + (view.getUint32(at, true) % 0x7000_0000);
  return {
    hostName: `veth${view.getUint32(0, true).toString(16).padStart(8, "0")}`,
    hostIndex: index(4),
    hostMac: randomMac(host.random),
    containerIndex: index(8),
    containerMac: mac ?? randomMac(host.random),
  };
}

/**
 * Makes the pair that `record` was told about. The numbers are chosen here, not by the kernel, so that one batch can make
 * the pair and refer to it; a number or name that is taken already costs another try.
 * @throws CniError 4 when the container has an interface of that name already.
 */
export function makePair(wish: VethWish, host: Host, record: (pair: VethPair) => void): VethPair {
  const { ifname, netns, container, mtu, master } = wish;
  for (let tries = 1; ; tries++) {
    const pair = choosePair(host, wish.mac);
    record(pair);
    const size = mtu > 0 ? { mtu } : {};
    const failures = host
      .route()
      .tryApply([
        addVeth(
          { name: pair.hostName, index: pair.hostIndex, mac: pair.hostMac, up: true, master, ...size },
          { name: ifname, index: pair.containerIndex, mac: pair.containerMac, netns, ...size },
        ),
        ...(wish.also?.(pair) ?? []),
      ]);
    const [first] = failures;
    if (first === undefined) return pair;
    if (findLink(container, ifname) !== undefined && findLink(host.route(), pair.hostName) === undefined) {
      throw new CniError(
        ErrorCode.invalidEnvironment,
        `CNI_IFNAME "${ifname}" exists already in network namespace "${netns.path}": choose another name or run DEL first`,
      );
    }
    if (!isErrno(first.error, "EEXIST", "EBUSY") || tries === maxTries) {
      host.route().apply([removeLink(pair.hostIndex, pair.hostName)]);
      throw first.error;
    }
  }
}

/** Takes a pair away by whichever end can still be found; the node's end by the name that was recorded. */
export function removePair(
  host: Host,
  container: { readonly connection: Connection; readonly netns: Netns } | undefined,
  ifname: string,
  hostName: string | undefined,
): void {
  const node = { connection: host.route(), netns: host.netns };
  const inside = container === undefined ? undefined : findLink(container.connection, ifname);
  if (container !== undefined && inside?.info?.kind === "veth") {
    host.remover.remove(inside, container, node);
    return;
  }
  const outside = hostName === undefined ? undefined : findLink(node.connection, hostName);
  if (outside?.info?.kind === "veth") host.remover.remove(outside, node, node);
}

/** The node's end of a container's veth. */
export function hostEnd(host: Host, inside: Link): Link | undefined {
  const outside = findLink(host.route(), inside.parent);
  return outside?.info?.kind === "veth" && outside.parent === inside.index ? outside : undefined;
}
