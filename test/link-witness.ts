// Links as ip(8) shows them: the witness of root tests.

import type { Netns, Sandbox } from "./sandbox.ts";

export type SeenLink = {
  readonly ifname: string;
  readonly ifindex: number;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly address: string;
  readonly link_index?: number;
  readonly link?: string;
  readonly master?: string;
  readonly ifalias?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: Readonly<Record<string, unknown>>;
  };
};

/** Undefined when there is no such link. */
export function seeLink(box: Sandbox, ns: Netns, name: string): SeenLink | undefined {
  return seeLinks(box, ns).find(({ ifname }) => ifname === name);
}

function seeLinks(box: Sandbox, ns: Netns): readonly SeenLink[] {
  return JSON.parse(box.sh(ns, ["ip", "-json", "-details", "link", "show"])) as SeenLink[];
}

/** What the kernel itself puts into every new namespace: loopback, and a device of its own for tunnels where it has ipip. */
const kernelLinks: readonly string[] = ["lo", "tunl0"];

/** Names of all links but the kernel's own, sorted. */
export function linkNames(box: Sandbox, ns: Netns): readonly string[] {
  return seeLinks(box, ns)
    .map(({ ifname }) => ifname)
    .filter((name) => !kernelLinks.includes(name))
    .sort();
}

/** Global addresses with prefix lengths, IPv4 first. */
export function seeAddresses(box: Sandbox, ns: Netns, name: string): readonly string[] {
  type Seen = { readonly addr_info: readonly { local: string; prefixlen: number; scope: string }[] };
  const [seen] = JSON.parse(box.sh(ns, ["ip", "-json", "address", "show", "dev", name])) as readonly Seen[];
  return (seen?.addr_info ?? [])
    .filter(({ scope }) => scope === "global")
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

/** Default routes as `10.7.0.1 dev eth0`, IPv4 first. */
export function seeDefaultRoutes(box: Sandbox, ns: Netns): readonly string[] {
  type Seen = { readonly dst: string; readonly gateway?: string; readonly dev: string };
  return ["-4", "-6"].flatMap((family) =>
    (JSON.parse(box.sh(ns, ["ip", "-json", family, "route", "show", "default"])) as readonly Seen[]).map(
      ({ gateway, dev }) => `${gateway} dev ${dev}`,
    ),
  );
}
