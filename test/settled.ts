// IPv6 addresses and routes that the kernel adds in the background: a test that looks twice must not have one come in between.

import type { Netns, Sandbox } from "./sandbox.ts";

type Link = { readonly ifname: string; readonly flags: readonly string[] };
type Address = { readonly local: string; readonly scope: string; readonly tentative?: boolean };
type LinkAddresses = { readonly ifname: string; readonly addr_info: readonly Address[] };
type LocalRoute = { readonly dst: string; readonly dev: string };

const maxWaitMs = 30_000;

/** Links that come up from now on have their addresses without the second or two in which a machine looks for others that have them. */
export function skipDuplicateChecks(box: Sandbox, ...namespaces: readonly Netns[]): void {
  const now = "for f in all default; do echo 0 > /proc/sys/net/ipv6/conf/$f/accept_dad; done";
  for (const ns of namespaces) box.sh(ns, ["sh", "-c", now]);
}

/** Waits until each link that can send has its link-local address, no address is checked for duplicates, and each has its route. */
export function waitUntilSettled(box: Sandbox, ns: Netns): void {
  const giveUp = performance.now() + maxWaitMs;
  for (let left = unsettled(box, ns); left.length > 0; left = unsettled(box, ns)) {
    if (performance.now() > giveUp)
      throw new Error(`Within ${maxWaitMs} ms ${ns.name} has not got: ${left.join(", ")}`);
    Bun.sleepSync(10);
  }
}

function unsettled(box: Sandbox, ns: Netns): readonly string[] {
  const show = <T>(words: string) => JSON.parse(box.sh(ns, ["ip", "-json", "-6", ...words.split(" ")])) as readonly T[];
  const links = show<Link>("link").filter(({ flags }) => ["UP", "LOWER_UP"].every((flag) => flags.includes(flag)));
  // A link without any is listed as an object without fields.
  const addresses = show<Partial<LinkAddresses>>("address").flatMap(({ ifname = "", addr_info = [] }) =>
    addr_info.map((address) => ({ ...address, ifname })),
  );
  const routes = show<LocalRoute>("route show table local type local").map(({ dst, dev }) => `${dst} dev ${dev}`);
  return [
    ...links
      .filter(({ flags, ifname }) => !flags.includes("LOOPBACK") && !hasLinkLocal(addresses, ifname))
      .map(({ ifname }) => `a link-local address of ${ifname}`),
    ...addresses.filter(({ tentative }) => tentative === true).map(({ local }) => `${local} as its own`),
    ...addresses
      .map(({ local, ifname }) => `${local} dev ${ifname}`)
      .filter((route) => !routes.includes(route))
      .map((route) => `a route local ${route}`),
  ];
}

function hasLinkLocal(addresses: readonly (Address & { readonly ifname: string })[], ifname: string): boolean {
  return addresses.some((address) => address.ifname === ifname && address.scope === "link");
}
