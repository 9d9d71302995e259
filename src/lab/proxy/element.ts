// Elements of the proxy's nftables maps, from the places where services are reached.

import { familyOf, type Ip } from "#net/ip.ts";
import type { Frontend, Verdict } from "./frontend.ts";

/** An element as nft(8) writes it; without a value, of a set. */
export type Element = { readonly map: string; readonly key: string; readonly value?: string };

/** What an element's verdict leads to: a chain that is made when the first element needs it. */
export type ChainName = string;

/** All elements of a place. Its targets are numbered from 0, and a chain for their count picks a number. */
export function elementsOf(frontend: Frontend): readonly Element[] {
  const { address, protocol, port, verdict, outside, masquerade, affinitySeconds } = frontend;
  const digit = familyDigit(address);
  const key = `${address} . ${protocol} . ${port}`;
  const choose = affinitySeconds === undefined ? "pick" : "sticky";
  const own = frontend.own ? [{ map: `own${digit}`, key: address }] : [];
  if (verdict === "refuse") return [{ map: `refused${digit}`, key, value: "goto refuse" }, ...own];
  return [
    ...own,
    { map: `services${digit}`, key, value: lead(verdict, `${choose}${digit}`) },
    ...numbered(verdict, `targets${digit}`, key),
    ...(outside === undefined
      ? []
      : [
          { map: `outside${digit}`, key, value: lead(outside, `${choose}_local${digit}`) },
          ...numbered(outside, `targets_local${digit}`, key),
        ]),
    ...(masquerade ? [{ map: `masquerade${digit}`, key }] : []),
    ...(affinitySeconds === undefined
      ? []
      : [{ map: `remember${digit}`, key, value: `jump remember${digit}_${affinitySeconds}` }]),
    ...[...new Set(localAddresses(verdict))].flatMap((pod) => [
      { map: `local${digit}`, key: pod },
      { map: `hairpin${digit}`, key: `${pod} . ${pod}` },
    ]),
  ];
}

function lead(verdict: Verdict, chain: string): string {
  return typeof verdict === "string" ? "drop" : `goto ${chain}_${verdict.length}`;
}

function numbered(verdict: Verdict, map: string, key: string): readonly Element[] {
  if (typeof verdict === "string") return [];
  return verdict.map(({ address, port }, i) => ({ map: `${map}_${i}`, key, value: `${address} . ${port}` }));
}

/** Pods of this node: only those can meet themselves here. */
function localAddresses(verdict: Verdict): readonly Ip[] {
  return typeof verdict === "string" ? [] : verdict.filter(({ local }) => local).map(({ address }) => address);
}

/** 4 or 6: the end of a map's name. */
export function familyDigit(address: Ip): 4 | 6 {
  return familyOf(address) === "ipv4" ? 4 : 6;
}

/** The chain that an element leads to and that is not always there. */
export function chainOf({ value }: Element): ChainName | undefined {
  return /^(?:goto|jump) (\w+_\d+)$/.exec(value ?? "")?.[1];
}
