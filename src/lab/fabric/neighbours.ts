// Who is where on the lab's links, told to the stations beforehand: the kernel keeps one table of neighbours for the whole machine, and
// what it must look up finds no room there when a lab has a thousand pods. Entries that stay do not count.

import { addressOf } from "#net/cidr.ts";
import type { Mac } from "#net/mac.ts";
import type { NeighbourWish, Station, StationPath } from "./station.ts";

/** An end of a link, and the segment that it is on: frames reach every other end of it. */
type End = { readonly station: StationPath; readonly index: number; readonly mac: Mac; readonly segment: string };

/** Everybody depends on these; nodes find each other by themselves. */
const known: readonly StationPath[] = ["switch", "control"];

/** The stations, each with what it must know of the switch and the control plane, and they of it. */
export function withNeighbours(stations: readonly Station[]): readonly Station[] {
  const ends = stations.flatMap(endsOf);
  return stations.map((station) => ({ ...station, neighbours: neighboursOf(station, stations, ends) }));
}

function endsOf({ path, links }: Station): readonly End[] {
  return links.flatMap((link): readonly End[] => {
    if (link.kind === "bridge")
      return [{ station: path, index: link.index, mac: link.mac, segment: `${path} ${link.index}` }];
    const segment = `${path} ${link.master ?? link.index}`;
    const { far } = link;
    return [
      { station: path, index: link.index, mac: link.mac, segment },
      { station: far.station, index: far.index, mac: far.mac, segment },
    ];
  });
}

function neighboursOf(station: Station, stations: readonly Station[], ends: readonly End[]): readonly NeighbourWish[] {
  const own = ends.filter((end) => end.station === station.path);
  return own.flatMap(({ index, segment }) => {
    // A port of a bridge has no addresses: the bridge has.
    if (!station.addresses.some((wish) => wish.index === index)) return [];
    return ends
      .filter((end) => end.segment === segment && end.station !== station.path)
      .filter((end) => known.includes(end.station) || known.includes(station.path))
      .flatMap((end) => {
        const there = stations.find(({ path }) => path === end.station)?.addresses ?? [];
        return there
          .filter((wish) => wish.index === end.index)
          .map(({ address }) => ({ index, address: addressOf(address), mac: end.mac }));
      });
  });
}
