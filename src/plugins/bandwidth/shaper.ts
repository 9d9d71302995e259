// Shaping of one veth pair: a token bucket at its host end for what goes in, an ifb with another for what comes out.
//
//     container  eth0 ══ host0  <- root: tbf            ingress, as the container sees it
//                          │
//                          └ ingress: redirect -> ifb <- root: tbf            egress

import { bool, type Infer, int, object, oneOf, optional, string } from "#cni/decode.ts";
import type { Connection } from "#netlink/connection.ts";
import { addRedirect, type FilterPlace, listFilters, removeFilters } from "#netlink/filter.ts";
import { addLink, findLink, type Link } from "#netlink/link.ts";
import {
  formatShape,
  ingressQdisc,
  listQdiscs,
  removeQdisc,
  replaceQdisc,
  rootQdisc,
  sameTbf,
  type Tbf,
} from "#netlink/qdisc.ts";
import { handle, Parent } from "#netlink/tc.ts";
import type { Host } from "#plugins/host.ts";
import type { Shaping } from "./conf.ts";

/** The decoder of `Shaper`. */
export const shaperRecord = object({
  /** The host end of the pair. */
  index: int(),
  name: string,
  /** Where the ingress filter hangs: in a qdisc of our own, or in one that was there before. Absent without egress. */
  hook: optional(oneOf("own", "shared")),
  ifb: optional(string),
  shapesIngress: optional(bool),
});
/** What shaping owns, for removal. */
export type Shaper = Infer<typeof shaperRecord>;

/** What `shape` is going to make on `veth`; changes nothing. */
export function planShaper(route: Connection, veth: Link, { ingress, egress }: Shaping, ifb: string): Shaper {
  const shared = egress !== undefined && listQdiscs(route, veth.index).some(({ parent }) => parent === Parent.ingress);
  return {
    index: veth.index,
    name: veth.name,
    ...(egress === undefined ? {} : { ifb, hook: shared ? "shared" : "own" }),
    ...(ingress === undefined ? {} : { shapesIngress: true }),
  };
}

/** The ifb, when there is egress to shape. @throws KernelError; undo with `unshape`. */
export function shape(route: Connection, veth: Link, { ingress, egress }: Shaping, shaper: Shaper): Link | undefined {
  if (ingress !== undefined) route.apply([replaceQdisc(tbf(veth.index, ingress))]);
  if (egress === undefined || shaper.ifb === undefined) return undefined;
  // Without a queue of its own: the bucket's is the only one.
  route.apply([addLink({ name: shaper.ifb, mtu: veth.mtu, txqlen: 0, up: true }, { kind: "ifb" })]);
  const ifb = findLink(route, shaper.ifb);
  if (ifb === undefined) throw new Error(`Link ${shaper.ifb} vanished directly after it was made`);
  const place = freePlace(route, veth.index);
  route.apply([
    replaceQdisc(tbf(ifb.index, egress)),
    ...(shaper.hook === "own" ? [replaceQdisc(ingressQdisc(veth.index))] : []),
    addRedirect({ ...place, to: ifb.index }),
  ]);
  return ifb;
}

/** Takes away what `shape` made, as far as it is still there. */
export function unshape(host: Host, { index, name, hook, ifb, shapesIngress }: Shaper): void {
  const route = host.route();
  const ifbLink = ifb === undefined ? undefined : findLink(route, ifb);
  // Numbers of links come again after a long time, names at once; both together are this one.
  if (findLink(route, index)?.name === name) {
    if (hook === "own") route.apply([removeQdisc({ ifindex: index, parent: Parent.ingress })]);
    if (hook === "shared" && ifbLink !== undefined) stopFeeding(route, index, ifbLink);
    if (shapesIngress) route.apply([removeQdisc({ ifindex: index, parent: Parent.root })]);
  }
  if (ifbLink !== undefined) removeIfb(host, ifbLink);
}

export function removeIfb(host: Host, link: Link): void {
  if (link.info?.kind !== "ifb") return;
  const place = { connection: host.route(), netns: host.netns };
  host.remover.remove(link, place, place);
}

/** Whether any link's traffic goes to this ifb. */
export function isFed(route: Connection, ifb: Link): boolean {
  const hooks = listQdiscs(route).filter(({ parent }) => parent === Parent.ingress);
  return hooks.some(({ ifindex }) => redirectsTo(route, ifindex, ifb).length > 0);
}

/** Whether this link's traffic went to the ifb, until now. */
export function stopFeeding(route: Connection, ifindex: number, ifb: Link): boolean {
  const places = redirectsTo(route, ifindex, ifb);
  route.apply(places.map((place) => removeFilters(place)));
  return places.length > 0;
}

/** What is amiss, in words; undefined when `shape` would change nothing. Changes nothing. */
export function findFault(
  route: Connection,
  veth: Link,
  { ingress, egress }: Shaping,
  ifbs: readonly string[],
): string | undefined {
  const fault = ingress === undefined ? undefined : tbfFault(route, veth, ingress);
  if (fault !== undefined || egress === undefined) return fault;
  const ifb = ifbs.map((each) => findLink(route, each)).find((link) => link?.info?.kind === "ifb");
  if (ifb === undefined) return `there is no ifb ${ifbs[0]}, which shapes what the container sends`;
  if (!ifb.up) return `ifb ${ifb.name} is down`;
  if (redirectsTo(route, veth.index, ifb).length === 0) return `${veth.name} does not redirect to ifb ${ifb.name}`;
  return tbfFault(route, ifb, egress);
}

function tbfFault(route: Connection, link: Link, wanted: Tbf): string | undefined {
  const root = listQdiscs(route, link.index).find(({ parent }) => parent === Parent.root);
  if (root?.shape.kind === "tbf" && sameTbf(wanted, root.shape)) return undefined;
  const found = root === undefined ? "the kernel's default" : formatShape(root.shape);
  return `the root qdisc of ${link.name} is ${found}, configured is ${formatShape(wanted)}`;
}

function tbf(ifindex: number, shape: Tbf) {
  return rootQdisc(ifindex, shape, handle(1));
}

/** This parent is understood by ingress and clsact qdiscs alike; filters that are there keep their places. */
function freePlace(route: Connection, ifindex: number): FilterPlace {
  const taken = new Set(listFilters(route, ifindex, Parent.clsactIngress).map(({ priority }) => priority));
  let priority = 1;
  while (taken.has(priority)) priority++;
  return { ifindex, parent: Parent.clsactIngress, priority };
}

function redirectsTo(route: Connection, ifindex: number, ifb: Link): readonly FilterPlace[] {
  const filters = listFilters(route, ifindex, Parent.clsactIngress).filter(({ to }) => to === ifb.index);
  return filters.map(({ priority }) => ({ ifindex, parent: Parent.clsactIngress, priority }));
}
