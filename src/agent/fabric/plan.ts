// The difference between what should be and what is, as operations: additions before removals.

import type { PeerEntry } from "#datapath/datapath.ts";
import type { Cidr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";
import type { Mac } from "#net/mac.ts";
import { formatRoute, type Route } from "#netlink/route.ts";
import type { FabricHave, HaveRoute } from "./have.ts";
import { type FabricRoute, type FabricWant, type Overlay, overlayName } from "./want.ts";

export type FabricOperation =
  | { readonly do: "add overlay"; readonly overlay: Overlay; readonly why: string }
  | { readonly do: "remove overlay"; readonly ifindex: number; readonly why: string }
  | { readonly do: "mend overlay"; readonly ifindex: number; readonly overlay: Overlay; readonly why: string }
  | { readonly do: "add address"; readonly address: Ip; readonly why: string }
  | { readonly do: "remove address"; readonly address: Ip; readonly why: string }
  | { readonly do: "set neighbour"; readonly address: Ip; readonly mac: Mac; readonly why: string }
  | { readonly do: "remove neighbour"; readonly address: Ip; readonly why: string }
  | { readonly do: "set route"; readonly route: FabricRoute; readonly why: string }
  | { readonly do: "remove route"; readonly route: HaveRoute; readonly why: string }
  | { readonly do: "remove detour"; readonly route: Route; readonly why: string }
  | { readonly do: "set peer"; readonly peer: PeerEntry; readonly why: string }
  | { readonly do: "remove peer"; readonly block: Cidr; readonly why: string };

/** `peers` are what the packet path has. */
export function planFabric(
  want: FabricWant,
  have: FabricHave,
  peers: readonly PeerEntry[],
): readonly FabricOperation[] {
  return [
    ...planOverlay(want, have),
    ...(want.overlay === undefined ? [] : planNeighbours(want, have)),
    ...planRoutes(want, have),
    ...planPeers(want, peers),
    ...planOverlayEnd(want, have),
  ];
}

/** Last of all: routes and the packet path use it until they were changed, and its neighbours go with it. */
function planOverlayEnd({ overlay }: FabricWant, { overlay: link }: FabricHave): readonly FabricOperation[] {
  if (overlay !== undefined || link === undefined) return [];
  return [{ do: "remove overlay", ifindex: link.ifindex, why: "no node needs it" }];
}

function planOverlay({ overlay }: FabricWant, have: FabricHave): readonly FabricOperation[] {
  const link = have.overlay;
  if (overlay === undefined) return [];
  if (link === undefined) return [{ do: "add overlay", overlay, why: "missing" }, ...planAddresses(overlay, [])];
  // This cannot be changed in place.
  const alien = link.kind === "vxlan" ? link.alien : [`a link of kind ${link.kind} has its name`];
  if (alien.length > 0) {
    return [
      { do: "remove overlay", ifindex: link.ifindex, why: alien.join(", ") },
      { do: "add overlay", overlay, why: "missing" },
      ...planAddresses(overlay, []),
    ];
  }
  const differs = [
    link.mac !== overlay.mac && `address ${link.mac}`,
    link.mtu !== overlay.mtu && `MTU ${link.mtu}`,
    !link.up && "down",
    ...link.lacks,
  ].filter((word) => word !== false);
  const addresses = planAddresses(overlay, link.addresses);
  if (differs.length === 0) return addresses;
  return [{ do: "mend overlay", ifindex: link.ifindex, overlay, why: differs.join(", ") }, ...addresses];
}

function planAddresses(want: Overlay, have: readonly Ip[]): readonly FabricOperation[] {
  const missing = want.addresses.filter((address) => !have.includes(address));
  const surplus = have.filter((address) => !want.addresses.includes(address));
  return [
    ...missing.map((address) => ({ do: "add address", address, why: "missing" }) as const),
    ...surplus.map((address) => ({ do: "remove address", address, why: "not the node's" }) as const),
  ];
}

function planNeighbours({ routes }: FabricWant, { neighbours }: FabricHave): readonly FabricOperation[] {
  const wanted = new Map(routes.flatMap((route) => ("overlay" in route ? [[route.gateway, route.mac] as const] : [])));
  const set = [...wanted]
    .filter(([address, mac]) => neighbours.get(address) !== mac)
    .map(
      ([address, mac]) =>
        ({ do: "set neighbour", address, mac, why: neighbours.has(address) ? "differs" : "missing" }) as const,
    );
  const surplus = [...neighbours.keys()].filter((address) => !wanted.has(address));
  return [...set, ...surplus.map((address) => ({ do: "remove neighbour", address, why: "no route uses it" }) as const)];
}

function planRoutes({ routes }: FabricWant, have: FabricHave): readonly FabricOperation[] {
  const current = new Map(have.routes.map((route) => [route.dst, route]));
  const set = routes
    .filter((route) => !sameRoute(route, current.get(route.dst), have.overlay?.ifindex))
    .map((route) => ({ do: "set route", route, why: current.has(route.dst) ? "differs" : "missing" }) as const);
  const wanted = new Set(routes.map(({ dst }) => dst));
  const surplus = have.routes.filter(({ dst }) => !wanted.has(dst));
  return [
    ...set,
    ...have.detours.map((route) => ({ do: "remove detour", route, why: "comes before ours" }) as const),
    ...surplus.map((route) => ({ do: "remove route", route, why: "no node has it" }) as const),
  ];
}

function sameRoute(want: FabricRoute, have: HaveRoute | undefined, overlayIfindex: number | undefined): boolean {
  if (have === undefined || have.gateway !== want.gateway || !have.isPlain) return false;
  if ("overlay" in want) return have.overlay === want.overlay && have.ifindex === overlayIfindex;
  return have.overlay === undefined && have.ifindex === want.ifindex;
}

function planPeers(want: FabricWant, peers: readonly PeerEntry[]): readonly FabricOperation[] {
  const current = new Map(peers.map((peer) => [peer.block, peer]));
  const set = want.peers
    .filter((peer) => !samePeer(peer, current.get(peer.block)))
    .map((peer) => ({ do: "set peer", peer, why: current.has(peer.block) ? "differs" : "missing" }) as const);
  const wanted = new Set(want.peers.map(({ block }) => block));
  const surplus = peers.filter(({ block }) => !wanted.has(block));
  return [...set, ...surplus.map(({ block }) => ({ do: "remove peer", block, why: "no node has it" }) as const)];
}

function samePeer(a: PeerEntry, b: PeerEntry | undefined): boolean {
  return b !== undefined && a.node === b.node && a.mac === b.mac && a.tunnel === b.tunnel;
}

/** `set route 10.244.1.0/24 through the overlay to 172.30.0.12 (missing)` */
export function formatFabricOperation(operation: FabricOperation): string {
  const { why } = operation;
  switch (operation.do) {
    case "add overlay":
      return `add ${overlayName} with MTU ${operation.overlay.mtu} (${why})`;
    case "remove overlay":
      return `remove ${overlayName} (${why})`;
    case "mend overlay":
      return `mend ${overlayName} (${why})`;
    case "add address":
      return `add address ${operation.address} to ${overlayName} (${why})`;
    case "remove address":
      return `remove address ${operation.address} of ${overlayName} (${why})`;
    case "set neighbour":
      return `set neighbour ${operation.address} at ${operation.mac} (${why})`;
    case "remove neighbour":
      return `remove neighbour ${operation.address} (${why})`;
    case "set route":
      return `set route ${operation.route.dst} ${wayOf(operation.route)} (${why})`;
    case "remove route":
      return `remove route ${operation.route.dst} (${why})`;
    case "remove detour":
      return `remove ${operation.route.type} route ${formatRoute(operation.route)} (${why})`;
    case "set peer": {
      const { block, node, tunnel } = operation.peer;
      return `set peer ${block} at ${node}${tunnel ? " by tunnel" : ""} (${why})`;
    }
    case "remove peer":
      return `remove peer ${operation.block} (${why})`;
  }
}

function wayOf(route: FabricRoute): string {
  return "overlay" in route ? `through the overlay to ${route.overlay}` : `via ${route.gateway} dev #${route.ifindex}`;
}
