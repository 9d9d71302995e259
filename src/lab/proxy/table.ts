// The proxy's nftables table without its elements. The number of its rules does not depend on the number of services:
//
//   prerouting, output ─► services ─┬─ from outside: outside4 ─► pick_local4_N ─► target_local4_i ─► dnat to targets_local4_i[place]
//                                   └─ services4 ─► sticky4_N ─► pick4_N ─► target4_i ─► dnat to targets4_i[place]
//   postrouting ─► translated: remember a client's target; masquerade what must come back this way
//   input, forward, output ─► refused4, own4 ─► refuse
//
// A place is `address . protocol . port`, N is how many targets it has, and the map targets4_i holds every place's i-th. There is a
// chain for each N that is in use. (One map with the number in its key would do, were it not for nft 1.0.6: a plain number is only
// allowed in a key by `typeof`, and the ports of one protocol or the other then become a condition of the rule.)

import type { Family } from "#net/ip.ts";
import type { ChainName } from "./element.ts";
import type { NodeSide } from "./node-side.ts";

export const tableName = "inet twill_services";

/** Clients that are remembered at most, for all services together. */
const maxRemembered = 65_536;
/** Only for as long as one packet takes. */
const seenSeconds = 60;
const protocols = ["tcp", "udp", "sctp"] as const;

const both = [
  { family: "ipv4", digit: 4, ip: "ip", type: "ipv4_addr" },
  { family: "ipv6", digit: 6, ip: "ip6", type: "ipv6_addr" },
] as const satisfies readonly { readonly family: Family; readonly [field: string]: unknown }[];
type Names = (typeof both)[number];

/** The text that puts an empty table in the place of whatever is there. */
export function emptyTable(side: NodeSide): string {
  const each = (lines: (names: Names) => readonly string[]) => both.flatMap(lines);
  return [
    `add table ${tableName}`,
    `delete table ${tableName}`,
    `table ${tableName} {`,
    ...each(sets),
    ...chain(
      "services",
      undefined,
      each((names) => toServices(names, side)),
    ),
    ...chain("prerouting", "type nat hook prerouting priority -100", [
      ...each((names) => seeing(names, side)),
      "jump services",
    ]),
    ...chain("output", "type nat hook output priority -100", ["jump services"]),
    ...chain(
      "translated",
      undefined,
      each((names) => afterTranslation(names, side)),
    ),
    ...chain("postrouting", "type nat hook postrouting priority 100", ["ct status dnat jump translated"]),
    // A target in the node's own network: its packets never leave.
    ...chain("arriving", "type nat hook input priority 100", each(remembering)),
    ...chain("refuse", undefined, ["meta l4proto tcp reject with tcp reset", "reject"]),
    ...["input", "forward", "output"].flatMap((hook) =>
      chain(`refused_${hook}`, `type filter hook ${hook} priority 0`, each(refusals)),
    ),
    "}",
    "",
  ].join("\n");
}

function sets({ digit, type }: Names): readonly string[] {
  const place = `${type} . inet_proto . inet_service`;
  return [
    ...["services", "outside", "refused", "remember"].map(
      (name) => `  map ${name}${digit} { type ${place} : verdict; }`,
    ),
    `  set own${digit} { type ${type}; }`,
    `  set masquerade${digit} { type ${place}; }`,
    `  set local${digit} { type ${type}; }`,
    `  set seen${digit} { type ${type}; size ${maxRemembered}; flags dynamic, timeout; }`,
    `  set hairpin${digit} { type ${type} . ${type}; }`,
    `  map clients${digit} { type ${type} . ${place} : ${type} . inet_service; size ${maxRemembered}; flags dynamic, timeout; }`,
  ];
}

function toServices({ family, digit, ip }: Names, { podBlocks }: NodeSide): readonly string[] {
  const place = `${ip} daddr . meta l4proto . th dport`;
  return [
    `${ip} saddr != ${podBlocks[family]} fib saddr type != local ${place} vmap @outside${digit}`,
    `${place} vmap @services${digit}`,
  ];
}

function afterTranslation(names: Names, { podBlocks, serviceBlocks, bridgedBehind }: NodeSide): readonly string[] {
  const { family, digit, ip } = names;
  return [
    ...remembering(names),
    `${ip} saddr . ${ip} daddr @hairpin${digit} masquerade`,
    ...(bridgedBehind === undefined ? [] : [`${ip} saddr @seen${digit} ${ip} daddr @local${digit} masquerade`]),
    // The type of `ct original proto-dst` follows from a protocol that the rule names.
    ...protocols.map((protocol) => `meta l4proto ${protocol} ${originalPlace(ip)} @masquerade${digit} masquerade`),
    // Whoever is no pod and reaches a service through this node is known to it alone.
    `${ip} saddr != ${podBlocks[family]} ct original ${ip} daddr ${serviceBlocks[family]} masquerade`,
  ];
}

/** Notes who is on this side of the uplink: where a packet came in is not known any more when it leaves. */
function seeing({ digit, ip }: Names, { bridgedBehind }: NodeSide): readonly string[] {
  if (bridgedBehind === undefined) return [];
  return [`iifname != "${bridgedBehind}" update @seen${digit} { ${ip} saddr timeout ${seenSeconds}s }`];
}

function remembering({ digit, ip }: Names): readonly string[] {
  return protocols.map((protocol) => `meta l4proto ${protocol} ${originalPlace(ip)} vmap @remember${digit}`);
}

function originalPlace(ip: Names["ip"]): string {
  return `ct original ${ip} daddr . meta l4proto . ct original proto-dst`;
}

function refusals({ digit, ip }: Names): readonly string[] {
  return [
    `ct state new ${ip} daddr . meta l4proto . th dport vmap @refused${digit}`,
    // What is for a service's own address has been translated by now, if it is for one of its ports.
    `ct state new ${ip} daddr @own${digit} goto refuse`,
  ];
}

function chain(name: string, hook: string | undefined, rules: readonly string[]): readonly string[] {
  return [
    `  chain ${name} {`,
    ...(hook === undefined ? [] : [`    ${hook};`]),
    ...rules.map((rule) => `    ${rule}`),
    "  }",
  ];
}

/** A chain that is made on demand, by its name: `pick4_3`, `sticky_local6_2`, `target4_0`, `remember4_600`. */
type OnDemand = { readonly kind: string; readonly local: string; readonly names: Names; readonly count: number };

function parseChain(name: ChainName): OnDemand {
  const [, kind = "", local = "", digit, count] =
    /^(pick|sticky|target|remember)(_local)?([46])_(\d+)$/.exec(name) ?? [];
  const names = both.find((each) => String(each.digit) === digit);
  if (names === undefined) throw new RangeError(`"${name}" is no chain of nftables table ${tableName}`);
  return { kind, local, names, count: Number(count) };
}

/**
 * The text that makes a chain which elements lead to: `pick4_3` chooses among three targets, `sticky4_3` prefers the client's last
 * one, `target4_0` leads to the first target, whose map comes with it, `remember4_600` notes the target for 600 seconds.
 */
export function chainText(name: ChainName): string {
  const { kind, local, names, count } = parseChain(name);
  const { digit, ip, type } = names;
  const place = `${ip} daddr . meta l4proto . th dport`;
  const targets = `targets${local}${digit}_${count}`;
  const numbers = Array.from({ length: count }, (_, i) => `${i} : goto target${local}${digit}_${i}`);
  const rules: Readonly<Record<string, readonly string[]>> = {
    pick: [count === 1 ? `goto target${local}${digit}_0` : `numgen random mod ${count} vmap { ${numbers.join(", ")} }`],
    sticky: [`dnat ${ip} to ${ip} saddr . ${place} map @clients${digit}`, `goto pick${local}${digit}_${count}`],
    target: [`dnat ${ip} to ${place} map @${targets}`],
    remember: protocols.map(
      (protocol) =>
        `meta l4proto ${protocol} update @clients${digit} { ct original ${ip} saddr . ${originalPlace(ip)} timeout ${count}s : ${ip} daddr . th dport }`,
    ),
  };
  const map = `add map ${tableName} ${targets} { type ${type} . inet_proto . inet_service : ${type} . inet_service; }`;
  return [
    ...(kind === "target" ? [map] : []),
    `add chain ${tableName} ${name}`,
    ...(rules[kind] ?? []).map((rule) => `add rule ${tableName} ${name} ${rule}`),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

/** Chains that a chain leads to in its turn, those first that lead nowhere else. */
export function chainsBehind(name: ChainName): readonly ChainName[] {
  const { kind, local, names, count } = parseChain(name);
  if (kind === "sticky") {
    const pick = `pick${local}${names.digit}_${count}`;
    return [...chainsBehind(pick), pick];
  }
  if (kind === "pick") return Array.from({ length: count }, (_, i) => `target${local}${names.digit}_${i}`);
  return [];
}
