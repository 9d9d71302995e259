// Keeps a container from sending with another hardware address: one nftables rule for all ports of all bridges.

import type { Mac } from "#net/mac.ts";
import { nftIfname, nftMac } from "#netlink/nft-element.ts";
import type { Host } from "#plugins/host.ts";
import type { Owner } from "#plugins/ledger.ts";
import {
  type Claim,
  type ClaimChain,
  checkElements,
  claimElements,
  releaseElements,
  requireNoProblems,
  setUpText,
} from "#plugins/nft-claims.ts";

const place = { family: "bridge", table: "twill_macspoof" } as const;

// Two look-ups a packet, however many containers there are. Before connection tracking and NAT (priority -300).
const rules = ["iifname @guarded iifname . ether saddr != @allowed drop"];
const chain: ClaimChain = { ...place, chain: "prerouting", rules: rules.length };

/** From now on frames that come in by `port` must carry `mac`. @throws KernelError; nothing is left then. */
export function guardMac(host: Host, owner: Owner, port: string, mac: Mac): void {
  claimElements(host, owner, claimsOf(port, mac), tableText);
}

/** What is gone already is no error. @throws KernelError */
export function unguardMac(host: Host, owner: Owner, port: string, mac: Mac): void {
  releaseElements(host, owner, claimsOf(port, mac));
}

/** @throws CniError 999 naming what is not as `guardMac` left it; changes nothing. */
export function checkMacGuard(host: Host, owner: Owner, port: string, mac: Mac): void {
  requireNoProblems(checkElements(host, owner, claimsOf(port, mac), [chain]));
}

function claimsOf(port: string, mac: Mac): readonly Claim[] {
  return [
    { ...place, set: "guarded", key: [nftIfname(port)] },
    { ...place, set: "allowed", key: [nftIfname(port), nftMac(mac)] },
  ];
}

function tableText(): string {
  const sets = ["set guarded { type ifname; }", "set allowed { type ifname . ether_addr; }"];
  const hook = "{ type filter hook prerouting priority -300; policy accept; }";
  return setUpText(place.family, place.table, sets, [{ chain: chain.chain, hook, rules }]);
}
