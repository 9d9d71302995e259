// What an agent tells over its local API, as JSON. Programs read it too: fields are added, never renamed or removed.

import type { Outcome } from "#datapath/formats.ts";
import type { Cidr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";
import type { Mac } from "#net/mac.ts";

export type StatusMessage = {
  readonly node: string;
  readonly addresses: readonly Ip[];
  readonly blocks: readonly Cidr[];
  readonly ready: boolean;
  /** Whether the packet path's programs are in their places. */
  readonly programs: boolean;
  readonly fabric: "auto" | "direct" | "vxlan";
  /** Who makes the checksums of packets in the overlay: `kernel` where the node's devices were found to make them wrong. */
  readonly tunnelChecksums: "devices" | "kernel";
  readonly mtu: number;
  readonly endpoints: number;
  readonly peers: readonly PeerMessage[];
  /** What the packet path remembered at its last look, and what there is room for; null: no programs. */
  readonly connections: {
    readonly connections: number;
    readonly maxConnections: number;
    readonly translations: number;
    readonly maxTranslations: number;
    /** Ports that translated connections to one endpoint come from: those of the endpoint with the most. */
    readonly ports: number;
    readonly maxPorts: number;
    readonly collected: number;
  } | null;
  /** A sentence each. */
  readonly problems: readonly string[];
};

export type PeerMessage = {
  readonly node: string;
  readonly addresses: readonly Ip[];
  readonly blocks: readonly Cidr[];
  /** `unknown`: none leads there, or before the first look. */
  readonly way: "direct" | "tunnel" | "unknown";
  /** The node's address that packets to its pods go to; null where the way is unknown. */
  readonly via: Ip | null;
};

export type EndpointMessage = {
  readonly id: number;
  /** `shop/frontend-1`; null outside of Kubernetes. */
  readonly pod: string | null;
  readonly containerId: string;
  readonly ifname: string;
  readonly addresses: readonly Ip[];
  readonly mac: Mac;
  readonly link: string;
  readonly mtu: number;
  readonly state: "wiring" | "ready";
};

export type IpamMessage = {
  readonly pools: readonly {
    readonly block: Cidr;
    /** Decimal: an IPv6 block has more than a number holds. */
    readonly total: string;
    readonly taken: number;
    readonly cooling: number;
    /** Null: an address is free now, or the next one is when a pod goes. */
    readonly nextFreeSeconds: number | null;
  }[];
  readonly addresses: readonly { readonly address: Ip; readonly owner: string }[];
};

export type CheckMessage = { readonly faults: readonly string[] };
export type ReleaseMessage = { readonly done: string };

/** What became of packets since the maps were made; null: no programs. */
export type DropsMessage = {
  readonly outcomes: { readonly [O in Outcome]: { readonly packets: number; readonly bytes: number } } | null;
};

/** Connections of this node's pods of which something was seen lately, the newest first; null: no programs. */
export type ConnectionsMessage = {
  readonly connections: readonly ConnectionMessage[] | null;
  /** Whether this node ends connections that policies forbid since. */
  readonly cutsEstablished: boolean;
};

export type ConnectionMessage = {
  /** A number for a protocol that has no name here. */
  readonly protocol: "tcp" | "udp" | "sctp" | "icmp" | number;
  /** Who opened it. */
  readonly from: { readonly address: Ip; readonly port: number };
  /** Where it arrives: behind a service the pod. */
  readonly to: { readonly address: Ip; readonly port: number };
  readonly answered: boolean;
  readonly ageSeconds: number;
  readonly idleSeconds: number;
};

/** Services as this node serves them; null: it leaves them to others. */
export type ServicesMessage = { readonly services: readonly ServiceMessage[] | null };

export type ServiceMessage = {
  /** `shop/web`, or `pod shop/web-1` for ports of the host. */
  readonly name: string;
  readonly frontends: readonly ServiceFrontendMessage[];
  /** Where new connections go, each once. */
  readonly backends: readonly ServiceBackendMessage[];
  /** Of one that was asked for by its name, all that slices have of it; null: not asked, or the API server does not answer. */
  readonly endpoints: readonly ServiceEndpointMessage[] | null;
  /** Tracked connections that came through it, unless a socket was led there. */
  readonly connections: number;
  /** What is amiss, a sentence each. */
  readonly problems: readonly string[];
};

export type ServiceFrontendMessage = {
  /** What the address is: the service's own, one from outside, the node's. */
  readonly kind: "cluster" | "external" | "balancer" | "node-port" | "host-port";
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly address: Ip;
  readonly port: number;
  /** Backends of pods and the node itself, and of clients outside; none: what becomes of them. */
  readonly inside: number | "refuse" | "drop";
  readonly outside: number | "refuse" | "drop";
  readonly balance: "random" | "maglev";
  readonly affinitySeconds: number | null;
  readonly sourceRanges: readonly Cidr[] | null;
  /** Whether endpoints see the addresses of clients outside. */
  readonly keepsSource: boolean;
  /** Whether an endpoint's node answers clients outside by itself. */
  readonly directReturn: boolean;
  /** Which node answers for the address on the link: null when none can; null as a whole when nodes are not to answer for it. */
  readonly announced: { readonly by: string | null } | null;
  /** Whether it is in the packet path as it should be; another service may have the place. */
  readonly served: boolean;
};

export type ServiceBackendMessage = {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly address: Ip;
  readonly port: number;
  readonly local: boolean;
  readonly connections: number;
};

export type ServiceEndpointMessage = {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly address: Ip;
  readonly port: number;
  /** `shop/web-1`; null where slices name no pod. */
  readonly pod: string | null;
  readonly node: string | null;
  /** `ending` ones still serve, and are asked where nobody is ready. */
  readonly state: "ready" | "ending" | "not ready";
  /** Names of the slices that it is in. */
  readonly slices: readonly string[];
  /** Whether new connections go there from this node. */
  readonly asked: boolean;
  /** That this node tracks with it, whoever led them there. */
  readonly connections: number;
};

/** An answer of any path with another status than 200. */
export type ProblemMessage = { readonly problem: string };

/** Of every policy object of the cluster, what it is on this node; null: this agent enforces none. */
export type PoliciesMessage = { readonly node: string; readonly policies: readonly PolicyMessage[] | null };

export type PolicyMessage = {
  /** `NetworkPolicy shop/db` */
  readonly policy: string;
  /** `metadata.generation` of the object, as this node knows it. */
  readonly generation: number;
  /** Of this node, that it is about; and of those, where it is in force. */
  readonly pods: number;
  readonly inForce: number;
  /** RFC 3339; null: not yet as it is now. */
  readonly since: string | null;
  /** Whether its pods keep connections that it forbids. */
  readonly keepsConnections: boolean;
  /** What is wrong in it, a sentence each. */
  readonly faults: readonly string[];
};

/** Connections that policies refused of late, the latest first. */
export type DenialsMessage = { readonly denials: readonly DenialMessage[] };

export type DenialMessage = {
  readonly source: Ip;
  readonly destination: Ip;
  /** `shop/frontend-1`, `node n1`; null: an address that is nobody's. */
  readonly sourceName: string | null;
  readonly destinationName: string | null;
  /** `tcp`, or a number. */
  readonly protocol: string;
  /** The destination's; of ICMP type and code. */
  readonly port: number;
  /** Whose side refused: `ingress` the destination's. */
  readonly direction: "ingress" | "egress";
  /** The rule that denies, or the policies that isolate the pod and none of which allows. */
  readonly because: readonly string[];
  readonly packets: number;
  readonly secondsAgo: number;
};
