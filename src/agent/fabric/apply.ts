// Does one operation of a fabric's plan.

import type { Datapath } from "#datapath/datapath.ts";
import { hostIfAddr } from "#net/cidr.ts";
import { addAddress, removeAddress } from "#netlink/address.ts";
import type { Connection } from "#netlink/connection.ts";
import { addLink, findLink, removeLink, setLink } from "#netlink/link.ts";
import { removeNeighbour, replaceNeighbour } from "#netlink/neighbour.ts";
import { type Route, removeRoute, replaceRoute } from "#netlink/route.ts";
import { toEncap } from "#netlink/route-encap.ts";
import type { FabricOperation } from "./plan.ts";
import { type FabricRoute, type Overlay, overlayId, overlayName, overlayPort, overlayPrograms } from "./want.ts";

export type FabricTarget = {
  readonly connection: Connection;
  /** Undefined: the kernel's own routing carries everything. */
  readonly datapath: Datapath | undefined;
};

/** @throws KernelError */
export function applyFabricOperation({ connection, datapath }: FabricTarget, operation: FabricOperation): void {
  const overlayIfindex = () => findLink(connection, overlayName)?.index ?? 0;
  switch (operation.do) {
    case "add overlay":
      addOverlay(connection, datapath, operation.overlay);
      return;
    case "remove overlay":
      datapath?.set({ tunnelIfindex: 0, tunnelPort: 0 });
      connection.apply([removeLink(operation.ifindex, overlayName)]);
      return;
    case "mend overlay": {
      const { mac, mtu } = operation.overlay;
      connection.apply([setLink(operation.ifindex, { mac, mtu, up: true }, overlayName)]);
      adoptOverlay({ connection, datapath }, operation.ifindex, mac);
      return;
    }
    case "add address":
      connection.apply([
        addAddress(overlayIfindex(), hostIfAddr(operation.address), {
          dev: overlayName,
          noDad: true,
          allow: ["EEXIST"],
        }),
      ]);
      return;
    case "remove address":
      connection.apply([removeAddress(overlayIfindex(), hostIfAddr(operation.address), { dev: overlayName })]);
      return;
    case "set neighbour":
      connection.apply([
        replaceNeighbour({ ifindex: overlayIfindex(), address: operation.address, mac: operation.mac }),
      ]);
      return;
    case "remove neighbour":
      connection.apply([removeNeighbour({ ifindex: overlayIfindex(), address: operation.address })]);
      return;
    case "set route":
      connection.apply([replaceRoute(toRoute(operation.route, overlayIfindex))]);
      return;
    case "remove route": {
      const { dst, ifindex, gateway } = operation.route;
      connection.apply([removeRoute({ dst, oif: ifindex, gateway, protocol: "twill" })]);
      return;
    }
    case "remove detour":
      connection.apply([removeRoute(operation.route)]);
      return;
    case "set peer":
      datapath?.setPeer(operation.peer);
      return;
    case "remove peer":
      datapath?.removePeer(operation.block);
  }
}

/** Puts the programs of this agent in the places of those that an earlier one left: theirs may know other maps. @throws KernelError */
export function adoptOverlay({ connection, datapath }: FabricTarget, ifindex: number, mac: Overlay["mac"]): void {
  for (const program of overlayPrograms) datapath?.attachDevice(connection, ifindex, program);
  setTunnel(datapath, ifindex, mac);
}

/** One device for all nodes: where a packet goes is said by its route, or by the packet path. */
function addOverlay(connection: Connection, datapath: Datapath | undefined, { mac, mtu }: Overlay): void {
  const data = { collectMetadata: 1, learning: 0, port: overlayPort, udpZeroCsum6Rx: 1 };
  connection.apply([addLink({ name: overlayName, mac, mtu, up: true }, { kind: "vxlan", data })]);
  adoptOverlay({ connection, datapath }, findLink(connection, overlayName)?.index ?? 0, mac);
}

function setTunnel(datapath: Datapath | undefined, tunnelIfindex: number, tunnelMac: Overlay["mac"]): void {
  datapath?.set({ tunnelIfindex, tunnelId: overlayId, tunnelMac, tunnelPort: overlayPort });
}

function toRoute(route: FabricRoute, overlayIfindex: () => number): Route {
  const base = { dst: route.dst, gateway: route.gateway, protocol: "twill", onLink: true } as const;
  if (!("overlay" in route)) return { ...base, oif: route.ifindex };
  return { ...base, oif: overlayIfindex(), encap: toEncap({ id: overlayId, dst: route.overlay }) };
}
