// The nftables tables of the firewall: pods let through, bridges kept apart, and a chain for the administrator.
//
//     forward ──▶ isolation: within a bridge by pairs, between bridges by bridges ──▶ admin ──▶ pods4, pods6 accepted
//
// As everywhere in nftables, "accept" is final for this table only: a packet also needs the consent of every other table.

import { addressOf } from "#net/cidr.ts";
import { familyOf } from "#net/ip.ts";
import { nftIfname, nftIp } from "#netlink/nft-element.ts";
import { type Claim, type ClaimChain, setUpText } from "#plugins/nft-claims.ts";
import type { FirewallRecord } from "./conf.ts";

const table = "twill_firewall";

/** The elements that an attachment owns. */
export function podClaims({ addresses, zone }: FirewallRecord): readonly Claim[] {
  if (zone !== "") return [];
  const pods = [...new Set(addresses.map(addressOf))];
  return pods.map((pod) => ({
    table,
    set: familyOf(pod) === "ipv4" ? "pods4" : "pods6",
    key: [nftIp(pod)],
  }));
}

/** The sources that an attachment has in its zone of firewalld, which knows the same address without a length as another one. */
export function sourcesOf(record: FirewallRecord | undefined): readonly string[] {
  if (record === undefined || record.zone === "") return [];
  const pods = [...new Set(record.addresses.map(addressOf))];
  return pods.map((pod) => `${pod}/${familyOf(pod) === "ipv4" ? 32 : 128}`);
}

/** The elements that keep a bridge apart, which all attachments of the network share: none with policy "open". */
export function bridgeClaims({ ingressPolicy, bridge, bridgeTable }: FirewallRecord): {
  readonly routed: readonly Claim[];
  /** In the bridge's own table: packets between its ports never come to `forward`. */
  readonly bridged: readonly Claim[];
} {
  if (ingressPolicy === "open") return { routed: [], bridged: [] };
  const name = nftIfname(bridge);
  const isolated = ingressPolicy === "isolated";
  return {
    routed: [
      { table, set: "bridges", key: [name] },
      { table, set: "pairs", key: [name, name], verdict: isolated ? "drop" : "return" },
    ],
    bridged: bridgeTable ? [{ family: "bridge", table, set: "isolated", key: [name] }] : [],
  };
}

/** All chains, with how many rules each has. */
export function chainsOf(record: FirewallRecord): readonly ClaimChain[] {
  if (record.zone !== "" && record.bridge === "") return [];
  return [
    { table, chain: "isolation", rules: isolationRules.length },
    { table, chain: "forward", rules: forwardRules.length },
    ...(record.bridgeTable ? [{ family: "bridge", table, chain: "forward", rules: bridgedRules.length } as const] : []),
  ];
}

/** The table that all packets pass which the node forwards. */
export function routedText(): string {
  const sets = [
    "set pods4 { type ipv4_addr; }",
    "set pods6 { type ipv6_addr; }",
    "set bridges { type ifname; }",
    "map pairs { type ifname . ifname : verdict; }",
  ];
  return setUpText("inet", table, sets, [
    { chain: "admin", hook: "" },
    { chain: "isolation", hook: "", rules: isolationRules },
    { chain: "forward", hook: forwardHook, rules: forwardRules },
  ]);
}

/** The table that packets pass from one port of a bridge to another. */
export function bridgedText(): string {
  return setUpText(
    "bridge",
    table,
    ["set isolated { type ifname; }"],
    [{ chain: "forward", hook: forwardHook, rules: bridgedRules }],
  );
}

const forwardHook = "{ type filter hook forward priority 0; }";

const isolationRules = ["iifname . oifname vmap @pairs", "iifname @bridges oifname @bridges drop"];

const forwardRules = [
  "jump isolation",
  "jump admin",
  "ct state established,related ip daddr @pods4 accept",
  "ct state established,related ip6 daddr @pods6 accept",
  "ip saddr @pods4 accept",
  "ip6 saddr @pods6 accept",
];

// Neighbours still find each other's hardware address: only what they would send then is dropped.
const bridgedRules = ["meta ibrname @isolated ether type { ip, ip6 } drop"];
