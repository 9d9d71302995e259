// What must be done so that the stations have what is wanted; nothing that others added is taken away.

import type { Link } from "#netlink/link.ts";
import type { HaveStation } from "./have.ts";
import type { AddressWish, LinkWish, NeighbourWish, RouteWish, Setting, Station, StationPath } from "./station.ts";

export type Operation = { readonly at: StationPath } & (
  | { readonly do: "set"; readonly setting: Setting }
  | { readonly do: "remove-link"; readonly link: Pick<Link, "name" | "index">; readonly why: string }
  | { readonly do: "add-link"; readonly link: LinkWish }
  | { readonly do: "join"; readonly index: number; readonly name: string; readonly master: number }
  | { readonly do: "up"; readonly index: number }
  | { readonly do: "add-address"; readonly wish: AddressWish }
  | { readonly do: "add-route"; readonly wish: RouteWish }
  | { readonly do: "set-neighbour"; readonly wish: NeighbourWish }
);

const nothing: HaveStation = { links: [], addresses: [], routes: [], neighbours: [], settings: new Map() };

/** In an order in which every operation finds what it needs. */
export function planFabric(
  want: readonly Station[],
  have: ReadonlyMap<StationPath, HaveStation>,
): readonly Operation[] {
  // Ends that go with the other end of their wire, and are to be made up and addressed anew.
  const made = new Set<string>();
  // Before all links, whose far ends are born with what their namespace is set to.
  const settings = want.flatMap((station) => planSettings(station, have.get(station.path) ?? nothing));
  const rest = want.flatMap((station): readonly Operation[] => {
    const here = have.get(station.path) ?? nothing;
    const at = station.path;
    const links = station.links.flatMap((link) => planLink(link, station, have));
    for (const operation of links) {
      if (operation.do !== "add-link") continue;
      made.add(keyOf(at, operation.link.index));
      if (operation.link.kind === "wire") made.add(keyOf(operation.link.far.station, operation.link.far.index));
    }
    const isNew = (index: number) => made.has(keyOf(at, index));
    const isUp = (index: number) => !isNew(index) && here.links.some((link) => link.index === index && link.up);
    const hasAddress = ({ index, address }: AddressWish) =>
      !isNew(index) && here.addresses.some((each) => each.index === index && each.address === address);
    // A route goes with its link, or with the link's last address.
    const hasRoute = ({ dst, gateway }: RouteWish) =>
      here.routes.some((each) => each.dst === dst && each.gateway === gateway && !isNew(each.oif ?? 0));
    const hasNeighbour = ({ index, address, mac }: NeighbourWish) =>
      !isNew(index) &&
      here.neighbours.some((each) => each.ifindex === index && each.address === address && each.mac === mac);
    return [
      ...links,
      ...station.up.filter((index) => !isUp(index)).map((index) => ({ at, do: "up", index }) as const),
      ...station.addresses
        .filter((wish) => !hasAddress(wish))
        .map((wish) => ({ at, do: "add-address", wish }) as const),
      ...station.routes.filter((wish) => !hasRoute(wish)).map((wish) => ({ at, do: "add-route", wish }) as const),
      ...station.neighbours
        .filter((wish) => !hasNeighbour(wish))
        .map((wish) => ({ at, do: "set-neighbour", wish }) as const),
    ];
  });
  return [...settings, ...rest];
}

function planSettings({ path: at, settings }: Station, here: HaveStation): readonly Operation[] {
  const differs = ({ path, value, optional }: Setting) => {
    const now = here.settings.get(path);
    return now !== value && !(optional === true && now === undefined);
  };
  return settings.filter(differs).map((setting) => ({ at, do: "set", setting }));
}

function planLink(
  wish: LinkWish,
  { path: at }: Station,
  have: ReadonlyMap<StationPath, HaveStation>,
): readonly Operation[] {
  const near = find(have.get(at), wish);
  if (wish.kind === "bridge") {
    if (near?.index === wish.index && near.info?.kind === "bridge") return [];
    return [...removal(at, near, "is no bridge of ours"), { at, do: "add-link", link: wish }];
  }
  const far = find(have.get(wish.far.station), wish.far);
  const whole = near?.index === wish.index && far?.index === wish.far.index && near.parent === far.index;
  if (whole) {
    if ((wish.master ?? 0) === near.master) return [];
    return [{ at, do: "join", index: near.index, name: near.name, master: wish.master ?? 0 }];
  }
  return [
    ...removal(at, near, "leads to nowhere"),
    ...removal(wish.far.station, far, "leads to nowhere"),
    { at, do: "add-link", link: wish },
  ];
}

function find(have: HaveStation | undefined, wish: { readonly name: string; readonly index: number }) {
  return have?.links.find(({ name, index }) => name === wish.name || index === wish.index);
}

function removal(at: StationPath, link: Link | undefined, why: string): readonly Operation[] {
  return link === undefined ? [] : [{ at, do: "remove-link", link: { name: link.name, index: link.index }, why }];
}

function keyOf(at: StationPath, index: number): string {
  return `${at} ${index}`;
}

/** `switch: add link node1 to eth0 of nodes/node1` */
export function showOperation(operation: Operation): string {
  return `${operation.at}: ${describe(operation)}`;
}

function describe(operation: Operation): string {
  switch (operation.do) {
    case "set":
      return `set ${operation.setting.path} to ${operation.setting.value}`;
    case "remove-link":
      return `remove link ${operation.link.name} (${operation.why})`;
    case "add-link": {
      const { link } = operation;
      return link.kind === "bridge"
        ? `add bridge ${link.name}`
        : `add link ${link.name} to ${link.far.name} of ${link.far.station}`;
    }
    case "join":
      return `put link ${operation.name} below #${operation.master}`;
    case "up":
      return `set link #${operation.index} up`;
    case "add-address":
      return `add address ${operation.wish.address} to #${operation.wish.index}`;
    case "add-route":
      return `add route ${operation.wish.dst} via ${operation.wish.gateway}`;
    case "set-neighbour":
      return `set neighbour ${operation.wish.address} on #${operation.wish.index}`;
  }
}
