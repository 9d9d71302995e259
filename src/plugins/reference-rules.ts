// What the reference's plugins made before ours took their place: its rules are found by the names that it gives them, and removed.
//
// Rules that it made by iptables are nftables' own since iptables-nft, Debian's default. Those of iptables-legacy cannot be seen here.

import { createHash } from "node:crypto";
import { type Decoder, int, list, object, optional, string, withDefault } from "#cni/decode.ts";
import type { Json } from "#cni/json.ts";
import type { NftCommand } from "#kernel/nftables.ts";
import { addressOf, type IfAddr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";
import type { Host } from "./host.ts";
import type { Owner } from "./ledger.ts";

type Chain = { readonly family: "inet" | "ip" | "ip6" | "bridge"; readonly table: string; readonly chain: string };

/** Removes what bridge or ptp masqueraded for the attachment. @throws KernelError */
export function removeReferenceMasquerade(host: Host, { network, containerId, ifname }: Owner): void {
  const chain = `CNI-${digest(network + containerId, 24)}`;
  for (const family of ["ip", "ip6"] as const) removeChain(host, { family, table: "nat", chain }, "POSTROUTING");
  const comment = `${digest(network, 16)}-${digest(`${ifname}:${containerId}`, 16)}`;
  const place = { family: "inet", table: "cni_plugins_masquerade", chain: "masq_checks" } as const;
  removeRules(host, place, (rule) => rule.comment.startsWith(comment));
}

/** Removes the guard against forged hardware addresses of bridge's `macspoofchk`. @throws KernelError */
export function removeReferenceGuard(host: Host, { containerId, ifname }: Owner): void {
  const chain = `cni-br-iface-${containerId}-${ifname}`;
  removeChain(host, { family: "bridge", table: "nat", chain: `${chain}-mac` }, chain);
  removeChain(host, { family: "bridge", table: "nat", chain }, "PREROUTING");
}

/** Removes what portmap mapped to the attachment, which has these addresses. @throws KernelError */
export function removeReferencePorts(host: Host, { network, containerId }: Owner, addresses: readonly IfAddr[]): void {
  const chain = `CNI-DN-${digest(network + containerId, 21)}`;
  const ips = addresses.map(addressOf);
  for (const family of ["ip", "ip6"] as const) {
    removeChain(host, { family, table: "nat", chain }, "CNI-HOSTPORT-DNAT");
    for (const each of ["hostports", "hostip_hostports", "masquerading"]) {
      // Its comments do not tell the container's networks apart; the address does.
      const isTheirs = (rule: Rule) => rule.comment === containerId && ips.some((ip) => mentions(rule, ip));
      removeRules(host, { family, table: "cni_hostport", chain: each }, isTheirs);
    }
  }
}

/** Removes what firewall let through for these addresses; its isolation of bridges stays, as it does there. @throws KernelError */
export function removeReferencePass(host: Host, addresses: readonly IfAddr[]): void {
  const ips = addresses.map(addressOf);
  if (ips.length === 0) return;
  for (const family of ["ip", "ip6"] as const) {
    const place = { family, table: "filter", chain: "CNI-FORWARD" } as const;
    removeRules(host, place, (rule) => ips.some((ip) => mentions(rule, ip)));
  }
}

/** As the reference cuts its names. */
function digest(text: string, letters: number): string {
  return createHash("sha512").update(text).digest("hex").slice(0, letters);
}

const withAddress = object({
  match: optional(object({ left: object({ payload: optional(object({ field: string })) }), right: anything })),
  dnat: optional(object({ addr: anything })),
  jump: optional(object({ target: string })),
});
const rule = object({ handle: int(), comment: withDefault(string, ""), expr: list(lenient(withAddress)) });
type Rule = ReturnType<typeof rule>;

/** Whether the rule is about packets from, to or for this address alone. */
function mentions({ expr }: Rule, ip: Ip): boolean {
  return expr.some(({ match, dnat }) => dnat?.addr === ip || (match?.left.payload !== undefined && match.right === ip));
}

/** The chain itself and what jumps there. Costs a look at one name where there is none. */
function removeChain(host: Host, which: Chain, from: string): void {
  if (!host.nftTransactions().hasChain(which)) return;
  const { family, table, chain } = which;
  const isJump = ({ expr }: Rule) => expr.some(({ jump }) => jump?.target === chain);
  const own = { chain: { family, table, name: chain } };
  host.nft().run([...removals(host, { family, table, chain: from }, isJump), { flush: own }, { delete: own }]);
}

function removeRules(host: Host, place: Chain, isTheirs: (rule: Rule) => boolean): void {
  if (host.nftTransactions().hasChain(place)) host.nft().run(removals(host, place, isTheirs));
}

function removals(host: Host, place: Chain, isTheirs: (rule: Rule) => boolean): readonly NftCommand[] {
  const { family, table, chain } = place;
  return host
    .nft()
    .list({ chain: { family, table, name: chain } })
    .flatMap((each) => (each["rule"] === undefined ? [] : [rule(each["rule"] as Json)]))
    .filter(isTheirs)
    .map(({ handle }) => ({ delete: { rule: { family, table, chain, handle } } }));
}

function anything(value: Json | undefined): Json | undefined {
  return value;
}

/** Statements of other kinds than those asked for have no say. */
function lenient<T extends object>(decoder: Decoder<T>): Decoder<Partial<T>> {
  return (value) => {
    try {
      return decoder(value);
    } catch {
      return {};
    }
  };
}
