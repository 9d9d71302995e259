// Neighbour entries of a pod: a probe leaves one for every pod of the same node on either side, and the machine keeps few.

import { existsSync, readFileSync } from "node:fs";
import { Netns, NetnsError } from "#kernel/netns.ts";
import { Connection } from "#netlink/connection.ts";
import { listNeighbours, removeNeighbour } from "#netlink/neighbour.ts";

/** Of all namespaces together; only the machine's own namespace can tell and change it (arp(7), gc_thresh3). */
const limitFile = "/proc/sys/net/ipv4/neigh/default/gc_thresh3";
const defaultLimit = 1024;

/** How many neighbours the machine keeps, of each family. */
export function readMaxNeighbours(): number {
  try {
    return Number(readFileSync(limitFile, "utf8")) || defaultLimit;
  } catch {
    return defaultLimit;
  }
}

const statisticsFiles = ["/proc/net/stat/arp_cache", "/proc/net/stat/ndisc_cache"];

/** How often since its start the machine had no room for another neighbour, of either family; 0 where it does not tell. */
export function readFullTables(): number {
  return statisticsFiles
    .filter((path) => existsSync(path))
    .reduce((sum, path) => sum + countFullTables(readFileSync(path, "utf8")), 0);
}

/** The column `table_fulls` of such a file: names in the first line, then hexadecimal numbers for each processor. */
export function countFullTables(text: string): number {
  const [names = [], ...processors] = text
    .trim()
    .split("\n")
    .map((line) => line.split(/\s+/));
  const column = names.indexOf("table_fulls");
  return processors.reduce((sum, numbers) => sum + (Number.parseInt(numbers[column] ?? "0", 16) || 0), 0);
}

/** Removes what was learned in the namespace of a process; it is learned again when it is needed. */
export function forgetNeighbours(pid: number): void {
  try {
    using netns = new Netns(`/proc/${pid}/ns/net`);
    using route = new Connection("route", netns);
    const learned = listNeighbours(route).filter(({ state }) => state !== "permanent" && state !== "noarp");
    route.apply(learned.map(removeNeighbour));
  } catch (error) {
    // The pod has ended meanwhile, and its entries with it.
    if (!(error instanceof NetnsError)) throw error;
  }
}
