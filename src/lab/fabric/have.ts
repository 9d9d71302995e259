// What a station's kernel has now.

import { readSync } from "node:fs";
import { isErrno } from "#kernel/errno.ts";
import { type Netns, openIn } from "#kernel/netns.ts";
import { families } from "#net/ip.ts";
import { type LinkAddress, listAddresses } from "#netlink/address.ts";
import type { Connection } from "#netlink/connection.ts";
import { type Link, listLinks } from "#netlink/link.ts";
import { listNeighbours, type Neighbour } from "#netlink/neighbour.ts";
import { listRoutes, type Route, RouteTable } from "#netlink/route.ts";
import type { Setting, Station } from "./station.ts";

export type HaveStation = {
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
  /** Of the main table. */
  readonly routes: readonly Route[];
  /** Values by path; those that the kernel does not know are missing. */
  readonly settings: ReadonlyMap<string, string>;
  /** Those that stay. */
  readonly neighbours: readonly Neighbour[];
};

/** @throws KernelError */
export function readStation(connection: Connection, netns: Netns, want: Station): HaveStation {
  return {
    links: listLinks(connection),
    addresses: listAddresses(connection),
    routes: families.flatMap((family) => listRoutes(connection, family, { table: RouteTable.main })),
    neighbours: listNeighbours(connection).filter(({ state }) => state === "permanent"),
    settings: new Map(want.settings.flatMap((setting) => readSetting(netns, setting))),
  };
}

function readSetting(netns: Netns, { path, optional }: Setting): readonly (readonly [string, string])[] {
  try {
    using file = openIn(netns, `/proc/sys/${path}`, "read");
    const buffer = new Uint8Array(64);
    return [[path, new TextDecoder().decode(buffer.subarray(0, readSync(file.number, buffer))).trim()]];
  } catch (error) {
    if (optional === true && isErrno(error, "ENOENT")) return [];
    throw error;
  }
}
