// An endpoint: one interface of one pod, as the agent writes it down before it touches the kernel.

import type { Ip } from "#net/ip.ts";
import type { Mac } from "#net/mac.ts";
import type { Tbf } from "#netlink/qdisc.ts";
import type { Shaping } from "#plugins/bandwidth/conf.ts";

/** Whose pod it is, as the runtime told. */
export type PodName = { readonly namespace: string; readonly name: string; readonly uid: string };

export type Endpoint = {
  /** 1 to 65535; a number comes again only after all others. */
  readonly id: number;
  /** The network's name of the configuration that made it. */
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
  /** Path of the pod's namespace. */
  readonly netns: string;
  readonly pod: PodName | undefined;
  readonly ipv4: Ip | undefined;
  readonly ipv6: Ip | undefined;
  readonly mac: Mac;
  readonly hostMac: Mac;
  readonly hostName: string;
  /** Of both ends, each in its own namespace: chosen, so that one batch of requests can make the pair and name it. */
  readonly ifindex: number;
  readonly mtu: number;
  /** `wiring` until the kernel has all of it: what a killed agent leaves so is taken away. */
  readonly state: "wiring" | "ready";
  /** Absent: not shaped. `paced`: what the pod sends is limited by the packet path, in the place of `egress`. */
  readonly shaping: (Shaping & { readonly paced?: Tbf | undefined }) | undefined;
  /** Whether portmap was asked to map ports of the node to it. */
  readonly mapsPorts: boolean;
};

/** Beyond what the kernel gives by itself and what the plugins choose. */
const firstIfindex = 0x7200_0000;

export const maxEndpointId = 0xffff;

/** Links of this group are host ends of pods: "tW". A lost state file leaves no other way to tell them. */
export const endpointGroup = 0x7457;

/** What the numbers of all endpoints' links have in common: their upper half. */
export const endpointLinks = firstIfindex >>> 16;

export function ifindexOf(id: number): number {
  return firstIfindex + id;
}

/** The endpoint whose host end has this number; undefined when it is no endpoint's. */
export function endpointIdOf(ifindex: number): number | undefined {
  const id = ifindex - firstIfindex;
  return id >= 1 && id <= maxEndpointId ? id : undefined;
}

/** The same name whenever the same interface is made: what a lost record leaves is found by it. `salt`: another one. */
export function hostNameOf(containerId: string, ifname: string, salt = 0): string {
  const digest = Bun.CryptoHasher.hash("sha256", `${containerId}\0${ifname}\0${salt}`, "hex").slice(0, 16);
  return `tw${BigInt(`0x${digest}`).toString(36).padStart(13, "0").slice(-11)}`;
}

/** How many other names there are than the first. */
export const maxSalt = 3;

/** All that the node's end of an interface may be called. */
export function hostNamesOf({ containerId, ifname }: Pick<Endpoint, "containerId" | "ifname">): readonly string[] {
  return Array.from({ length: maxSalt + 1 }, (_, salt) => hostNameOf(containerId, ifname, salt));
}

/** Names one interface of one container. */
export function endpointKey({ containerId, ifname }: Pick<Endpoint, "containerId" | "ifname">): string {
  return `${containerId}:${ifname}`;
}

/** IPv4 first. */
export function addressesOf({ ipv4, ipv6 }: Pick<Endpoint, "ipv4" | "ipv6">): readonly Ip[] {
  return [ipv4, ipv6].filter((address) => address !== undefined);
}

/** `shop/frontend-1 eth0`, or the container's where no pod is known. */
export function formatEndpoint({ pod, containerId, ifname }: Pick<Endpoint, "pod" | "containerId" | "ifname">): string {
  return pod === undefined ? `${containerId} ${ifname}` : `${pod.namespace}/${pod.name} ${ifname}`;
}
