// Masquerading of pods towards everything outside of their own subnet: a map by pod address, and one chain a subnet.

import type { Call } from "#cni/plugin.ts";
import type { IfAddr } from "#net/cidr.ts";
import { addressOf, type Cidr, familyOfCidr, networkOf } from "#net/cidr.ts";
import { nftIp } from "#netlink/nft-element.ts";
import type { Host } from "./host.ts";
import type { Owner } from "./ledger.ts";
import {
  type Claim,
  type ClaimChain,
  chainSuffix,
  checkElements,
  claimElements,
  releaseElements,
  requireNoProblems,
  setUpText,
} from "./nft-claims.ts";
import { unsupportedField } from "./recorded.ts";

const table = "twill_masquerade";

/** Checks the field `ipMasqBackend`: masquerading is done by nftables alone. @throws CniError 2 */
export function requireNftables(call: Call, backend: string | undefined): void {
  if (backend === undefined || backend === "nftables") return;
  throw unsupportedField(call, "ipMasqBackend", backend, 'leave it out or set it to "nftables"');
}

/**
 * Makes packets from these addresses of an attachment leave with the node's own, except to their own subnets and to multicast. The same
 * again, and an address that another attachment had before, are no errors.
 * @throws KernelError; nothing is left then.
 */
export function addMasquerade(host: Host, owner: Owner, ips: readonly IfAddr[]): void {
  if (ips.length === 0) return;
  claimElements(host, owner, claimsOf(ips), () => tableText(subnetsOf(ips)));
}

/** Undoes `addMasquerade`; addresses that another attachment was given since stay masqueraded. @throws KernelError */
export function removeMasquerade(host: Host, owner: Owner, ips: readonly IfAddr[]): void {
  releaseElements(host, owner, claimsOf(ips), chainsOf(ips));
}

/** @throws CniError 999 naming what is not as `addMasquerade` left it; changes nothing. */
export function checkMasquerade(host: Host, owner: Owner, ips: readonly IfAddr[]): void {
  if (ips.length === 0) return;
  const chains = [{ table, chain: "postrouting", rules: 2 }, ...chainsOf(ips)];
  requireNoProblems(checkElements(host, owner, claimsOf(ips), chains));
}

function chainsOf(ips: readonly IfAddr[]): readonly ClaimChain[] {
  return subnetsOf(ips).map((subnet) => ({ table, chain: chainOf(subnet), rules: subnetRules(subnet).length }));
}

function claimsOf(ips: readonly IfAddr[]): readonly Claim[] {
  const byAddress = new Map(ips.map((ip) => [addressOf(ip), ip]));
  return [...byAddress].map(([address, ip]) => ({
    table,
    set: familyOfCidr(ip) === "ipv4" ? "pods4" : "pods6",
    key: [nftIp(address)],
    verdict: { goto: chainOf(networkOf(ip)) },
  }));
}

function subnetsOf(ips: readonly IfAddr[]): readonly Cidr[] {
  return [...new Set(ips.map(networkOf))];
}

function chainOf(subnet: Cidr): string {
  return `from_${chainSuffix(subnet)}`;
}

function subnetRules(subnet: Cidr): readonly string[] {
  const [ip, multicast] = familyOfCidr(subnet) === "ipv4" ? ["ip", "224.0.0.0/4"] : ["ip6", "ff00::/8"];
  return [`${ip} daddr ${subnet} return`, `${ip} daddr ${multicast} return`, "masquerade"];
}

function tableText(subnets: readonly Cidr[]): string {
  const maps = ["map pods4 { type ipv4_addr : verdict; }", "map pods6 { type ipv6_addr : verdict; }"];
  const hook = "{ type nat hook postrouting priority 100; }";
  return setUpText("inet", table, maps, [
    { chain: "postrouting", hook, rules: ["ip saddr vmap @pods4", "ip6 saddr vmap @pods6"] },
    ...subnets.map((subnet) => ({ chain: chainOf(subnet), hook: "", rules: subnetRules(subnet) })),
  ]);
}
