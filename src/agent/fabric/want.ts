// What should be of a node's ways to the others: its overlay, its routes, its neighbours there, and what the packet path knows.

import type { PeerEntry } from "#datapath/datapath.ts";
import type { NodeModel } from "#model/node.ts";
import { addressOf, type Cidr, hostCidr, overlaps } from "#net/cidr.ts";
import { type Family, families, familyOf, type Ip } from "#net/ip.ts";
import { linkLocalOf } from "#net/link-local.ts";
import { type Mac, macFromBytes } from "#net/mac.ts";
import { minimumMtu, tunnelMtu } from "./mtu.ts";

/** A node as the fabric sees it. */
export type FabricNode = {
  readonly name: string;
  /** Its own addresses, the one to be reached by first. */
  readonly addresses: readonly Ip[];
  /** Others of its own: what it says may come from them as well. */
  readonly further?: readonly Ip[];
  /** Its pods'. */
  readonly blocks: readonly Cidr[];
};

export function fabricNodeOf({ name, addresses, internal, blocks }: NodeModel): FabricNode {
  const first = Object.values(addresses);
  return { name, addresses: first, further: internal.filter((address) => !first.includes(address)), blocks };
}

/** `auto`: direct to nodes on the same link, through the overlay to the others. */
export type FabricMode = "auto" | "direct" | "vxlan";

export type FabricInput = {
  readonly self: FabricNode;
  readonly others: readonly FabricNode[];
  readonly mode: FabricMode;
  /** How the kernel reaches an address now; undefined: not at all. */
  readonly wayTo: (address: Ip) => Way | undefined;
  /** Whether a link of the node's, other than the overlay, has an address. */
  readonly isOwn: (address: Ip) => boolean;
};

/** The link that leads to an address, and whether it is on that link itself. */
export type Way = { readonly ifindex: number; readonly onLink: boolean; readonly mtu: number };

export const overlayName = "twill-vxlan";
/** IANA's port is 4789; Linux' own is what clusters use. */
export const overlayPort = 8472;
export const overlayId = 1;
/** The packet path's programs on the overlay's device. */
export const overlayPrograms = ["from_overlay", "to_net"] as const;

/** The overlay's device on this node. */
export type Overlay = {
  readonly mac: Mac;
  readonly mtu: number;
  /** The node's own: the kernel chooses a sender among the addresses of the device that a packet leaves by, else any it finds. */
  readonly addresses: readonly Ip[];
};

/** A route to another node's block: straight over a link, or into the overlay towards a node. */
export type FabricRoute =
  | { readonly dst: Cidr; readonly ifindex: number; readonly gateway: Ip }
  | { readonly dst: Cidr; readonly overlay: Ip; readonly gateway: Ip; readonly mac: Mac };

export type FabricWant = {
  /** Undefined: no node needs it. */
  readonly overlay: Overlay | undefined;
  readonly routes: readonly FabricRoute[];
  readonly peers: readonly PeerEntry[];
  /** What cannot be, a sentence each. */
  readonly faults: readonly string[];
};

/** The whole of it, from all nodes: nothing here reads or writes anything. */
export function wantFabric({ self, others, mode, wayTo, isOwn }: FabricInput): FabricWant {
  const routes: FabricRoute[] = [];
  const peers: PeerEntry[] = [];
  const faults = self.addresses.filter((address) => !isOwn(address)).map((address) => goneFault(self.name, address));
  const mtus: number[] = [];
  const owners = self.blocks.map((block) => ({ block, name: self.name }));
  for (const other of [...others].sort(byName)) {
    const address = reachableAddress(self, other);
    if (address === undefined) {
      faults.push(`Cannot reach node ${other.name}: it has no address of a family that ${self.name} has, give it one`);
      continue;
    }
    if (self.addresses.includes(address)) {
      faults.push(
        `Cannot reach node ${other.name} at ${address}: that is ${self.name} itself, remove a Node that is gone, or correct the InternalIP in its status`,
      );
      continue;
    }
    const way = wayTo(address);
    if (way === undefined) {
      faults.push(`Cannot reach node ${other.name} at ${address}: no route leads there`);
      continue;
    }
    const tunnel = mode === "vxlan" || (mode === "auto" && !way.onLink);
    if (mode === "direct" && !way.onLink) {
      faults.push(
        `Cannot reach node ${other.name} directly: ${address} is not on a link of ${self.name}, use mode auto or vxlan`,
      );
      continue;
    }
    const mac = overlayMac(other.name);
    if (tunnel) mtus.push(tunnelMtu(way.mtu, familyOf(address)));
    for (const block of other.blocks) {
      const owner = owners.find((each) => overlaps(each.block, block));
      if (owner !== undefined) {
        faults.push(overlapFault(other.name, block, owner));
        continue;
      }
      owners.push({ block, name: other.name });
      const direct = tunnel ? undefined : directGateway(other, familyOf(addressOf(block)), address);
      if (direct !== undefined) routes.push({ dst: block, ifindex: way.ifindex, gateway: direct });
      else routes.push({ dst: block, overlay: address, gateway: overlayGateway(block, mac), mac });
      peers.push({ block, node: address, mac, tunnel: direct === undefined });
      if (!tunnel && direct === undefined) mtus.push(tunnelMtu(way.mtu, familyOf(address)));
    }
    // Networks between nodes may refuse what pods send as themselves: it goes to the node through the overlay as well.
    if (!tunnel) continue;
    for (const own of [...other.addresses, ...(other.further ?? [])]) {
      peers.push({ block: hostCidr(own), node: address, mac, tunnel });
    }
  }
  const needed = mtus.length > 0;
  const mtu = Math.max(minimumMtu, Math.min(...mtus));
  const overlay = needed ? { mac: overlayMac(self.name), mtu, addresses: self.addresses } : undefined;
  return { overlay, routes, peers, faults };
}

/** The others send to where nobody is. */
function goneFault(name: string, address: Ip): string {
  return `No link of node ${name} has its address ${address}: give it back to one, or correct the InternalIP in the Node's status`;
}

/** A node keeps its own; of two others the first by name is believed. */
function overlapFault(name: string, block: Cidr, owner: { readonly block: Cidr; readonly name: string }): string {
  return `Cannot reach pods of node ${name} in ${block}: it overlaps ${owner.block} of node ${owner.name}; give one of them another spec.podCIDRs`;
}

/** The first address of the other that is of a family that this node has: both ends choose the same family. */
function reachableAddress(self: FabricNode, other: FabricNode): Ip | undefined {
  const common = families.find((family) =>
    [self, other].every(({ addresses }) => addresses.some((own) => familyOf(own) === family)),
  );
  return other.addresses.find((address) => familyOf(address) === common);
}

/** The next hop of a block's own family; without one only the overlay can carry it. */
function directGateway(other: FabricNode, family: Family, address: Ip): Ip | undefined {
  return familyOf(address) === family ? address : other.addresses.find((own) => familyOf(own) === family);
}

/** What stands for a node inside of the overlay. */
function overlayGateway(block: Cidr, mac: Mac): Ip {
  // The block's first address is nobody's. In IPv6 it would not do: the kernel refuses it as long as another route leads to the block,
  // so that none could be replaced.
  return familyOf(addressOf(block)) === "ipv4" ? addressOf(block) : linkLocalOf(mac);
}

/** Every node computes the same address for a node: nobody has to tell it. Locally administered, unicast. */
export function overlayMac(node: string): Mac {
  const hash = new Bun.CryptoHasher("sha256").update(`twill overlay ${node}`).digest();
  return macFromBytes(Uint8Array.from([0x02, ...hash.subarray(0, 5)]));
}

function byName(a: FabricNode, b: FabricNode): number {
  return a.name < b.name ? -1 : 1;
}
