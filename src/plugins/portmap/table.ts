// The nftables table of mapped ports: maps by protocol and port, with and without the node's address, and who is masqueraded.
//
//     prerouting, output ── to an address of the node ──▶ hostports: host4, any4, host6, any6 ──▶ pod address and port
//     postrouting ── translated before ──▶ masq4, masq6 by pod address ──▶ own_<subnet> or everyone
//     guard: 127.0.0.0/8 stays the node's own, though route_localnet lets translated packets from it pass

import { addressOf, familyOfCidr, type IfAddr, networkOf } from "#net/cidr.ts";
import { type Family, familyOf } from "#net/ip.ts";
import { nftIp, nftPort, nftProtocol } from "#netlink/nft-element.ts";
import { type Claim, type ClaimChain, chainSuffix, setUpText } from "#plugins/nft-claims.ts";
import type { Mapping, PortmapRecord } from "./conf.ts";

const table = "twill_portmap";

/** The elements that an attachment owns. A key stands once, with its last value. */
export function claimsOf(record: PortmapRecord): readonly Claim[] {
  const claims = record.addresses.flatMap((pod) => {
    const mappings = mappingsOf(record, pod);
    if (mappings.length === 0) return [];
    return [...mappings.map((mapping) => portClaim(pod, mapping)), ...masqueradeClaims(record, pod)];
  });
  return [
    ...new Map(claims.map((claim) => [`${claim.set} ${claim.key.map(({ text }) => text).join()}`, claim])).values(),
  ];
}

/** The mappings that apply to a pod's address: of both families, or of the one that the node's address has. */
export function mappingsOf({ mappings }: PortmapRecord, pod: IfAddr): readonly Mapping[] {
  const family = familyOfCidr(pod);
  return mappings.filter(({ hostIP }) => hostIP === undefined || familyOf(hostIP) === family);
}

/** 0.0.0.0 and :: mean any address of the node. */
export function isAnyAddress(hostIP: string | undefined): boolean {
  return hostIP === undefined || hostIP === "0.0.0.0" || hostIP === "::";
}

/** The chains that only this attachment's subnets need. */
export function chainsOf(record: PortmapRecord): readonly ClaimChain[] {
  if (record.masquerade !== "own") return [];
  const chains = record.addresses.map((pod) => ({ table, chain: chainOf(pod), rules: ownRules(pod).length }));
  return chains.filter(({ chain }, i) => chains.findIndex((other) => other.chain === chain) === i);
}

/** All chains, with how many rules each has. */
export function allChains(record: PortmapRecord): readonly ClaimChain[] {
  const shared = Object.entries(sharedChains).map(([chain, { rules }]) => ({ table, chain, rules: rules.length }));
  return [...shared, ...chainsOf(record)];
}

/** All that the elements of `record` refer to. */
export function tableText(record: PortmapRecord): string {
  const own = record.masquerade === "own" ? record.addresses : [];
  return setUpText(
    "inet",
    table,
    Object.entries(maps).map(([name, type]) => `map ${name} { type ${type}; }`),
    [
      ...Object.entries(sharedChains).map(([chain, { hook, rules }]) => ({ chain, hook, rules })),
      ...own.map((pod) => ({ chain: chainOf(pod), hook: "", rules: ownRules(pod) })),
    ],
  );
}

const maps = {
  any4: "inet_proto . inet_service : ipv4_addr . inet_service",
  any6: "inet_proto . inet_service : ipv6_addr . inet_service",
  host4: "ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service",
  host6: "ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service",
  masq4: "ipv4_addr : verdict",
  masq6: "ipv6_addr : verdict",
};

const sharedChains = {
  hostports: {
    hook: "",
    rules: [
      "dnat ip to ip daddr . meta l4proto . th dport map @host4",
      "dnat ip to meta l4proto . th dport map @any4",
      "dnat ip6 to ip6 daddr . meta l4proto . th dport map @host6",
      "dnat ip6 to meta l4proto . th dport map @any6",
    ],
  },
  prerouting: {
    hook: "{ type nat hook prerouting priority -100; }",
    rules: ["fib daddr type local jump hostports"],
  },
  output: { hook: "{ type nat hook output priority -100; }", rules: ["fib daddr type local jump hostports"] },
  everyone: { hook: "", rules: ["masquerade"] },
  postrouting: {
    hook: "{ type nat hook postrouting priority 100; }",
    rules: ["ct status dnat ip daddr vmap @masq4", "ct status dnat ip6 daddr vmap @masq6"],
  },
  // Ahead of connection tracking, where answers to translated packets still carry another destination.
  guard: {
    hook: "{ type filter hook prerouting priority -300; }",
    rules: ['iifname != "lo" ip daddr 127.0.0.0/8 drop'],
  },
};

function portClaim(pod: IfAddr, { hostIP, protocol, hostPort, containerPort }: Mapping): Claim {
  const version = familyOfCidr(pod) === "ipv4" ? 4 : 6;
  const port = [nftProtocol(protocol), nftPort(hostPort)];
  const value = [nftIp(addressOf(pod)), nftPort(containerPort)];
  if (hostIP === undefined || isAnyAddress(hostIP)) return { table, set: `any${version}`, key: port, value };
  return { table, set: `host${version}`, key: [nftIp(hostIP), ...port], value };
}

function masqueradeClaims({ masquerade }: PortmapRecord, pod: IfAddr): readonly Claim[] {
  if (masquerade === "none") return [];
  const set = familyOfCidr(pod) === "ipv4" ? "masq4" : "masq6";
  const chain = masquerade === "all" ? "everyone" : chainOf(pod);
  return [{ table, set, key: [nftIp(addressOf(pod))], verdict: { goto: chain } }];
}

function chainOf(pod: IfAddr): string {
  return `own_${chainSuffix(networkOf(pod))}`;
}

// A neighbour of the pod would be answered directly, under an address that it did not ask; 127.0.0.1 would not be answered at all.
function ownRules(pod: IfAddr): readonly string[] {
  const families: Readonly<Record<Family, readonly string[]>> = {
    ipv4: [`ip saddr ${networkOf(pod)} masquerade`, "ip saddr 127.0.0.0/8 masquerade"],
    ipv6: [`ip6 saddr ${networkOf(pod)} masquerade`],
  };
  return families[familyOfCidr(pod)];
}
