// Rules in the order in which they are asked, turned into a list in which the longest prefix of protocol and port is right.

import { formatOrigin, type Origin, type PortMatch, type Protocol } from "#model/policy/rule.ts";
import { digestOf } from "./digest.ts";

/** One entry: `bits` leading bits of the port, or with no protocol everything. `rule` undefined: silence decided. */
export type ListEntry = {
  readonly protocol: number | undefined;
  readonly port: number;
  /** 0 to 16; 0 is the whole protocol. */
  readonly bits: number;
  readonly allow: boolean;
  readonly rule: Origin | undefined;
};

/** Lists of the same content have the same key. What a list does not name is denied. */
export type VerdictList = { readonly key: string; readonly entries: readonly ListEntry[] };

/** All allowed and all denied, by no rule: the packet path knows these two without entries. */
export const allowList: VerdictList = { key: "allow", entries: [] };
export const denyList: VerdictList = { key: "deny", entries: [] };

/** Ports of a protocol by its number, both ends included; of ICMP, type and code in one number. */
export type Span = { readonly protocol: number; readonly from: number; readonly to: number };

/** A rule whose peers match; without spans it is about any traffic. */
export type AskedRule = {
  readonly action: "allow" | "deny" | "pass";
  readonly spans: readonly Span[] | undefined;
  readonly origin: Origin;
};

/** The rules of one tier; `isolates`: what none of them matches is denied. */
export type AskedTier = { readonly isolates: boolean; readonly rules: readonly AskedRule[] };

type Decision = { readonly allow: boolean; readonly rule: Origin | undefined };

const portBits = 16;
const maxPort = 0xffff;
const numbers = { icmp: 1, tcp: 6, udp: 17, sctp: 132 } as const;
/** The packet path knows ICMP of both families as one (bpf/tuple.h): types that both have are those of errors, which nobody is asked about. */
const icmpOfIpv6 = 58;
const denied: Decision = { allow: false, rule: undefined };
const open: Decision = { allow: true, rule: undefined };

/** IANA, "Protocol Numbers". */
function numberOf(protocol: Protocol): number {
  if (typeof protocol === "number") return protocol === icmpOfIpv6 ? numbers.icmp : protocol;
  return numbers[protocol];
}

/** `named` gives the ports that a name stands for at the destination. */
export function spansOf(
  match: PortMatch,
  named: (name: string) => readonly { readonly protocol: Protocol; readonly port: number }[],
): readonly Span[] {
  switch (match.match) {
    case "nothing":
      return [];
    case "all":
      return [{ protocol: numberOf(match.protocol), from: 0, to: maxPort }];
    case "range":
      return [{ protocol: numberOf(match.protocol), from: match.from, to: match.to }];
    case "name":
      return named(match.name)
        .filter(({ protocol }) => match.protocol === undefined || match.protocol === protocol)
        .map(({ protocol, port }) => ({ protocol: numberOf(protocol), from: port, to: port }));
    case "icmp": {
      const first = (match.type << 8) | (match.code ?? 0);
      return [{ protocol: numbers.icmp, from: first, to: match.code === undefined ? first | 0xff : first }];
    }
  }
}

/** The shortest list that says of every protocol and port what the tiers say. */
export function toVerdictList(tiers: readonly AskedTier[]): VerdictList {
  const decisions: Decision[] = [];
  const indexOf = ({ allow, rule }: Decision): number => {
    const known = decisions.findIndex((each) => each.allow === allow && each.rule === rule);
    return known < 0 ? decisions.push({ allow, rule }) - 1 : known;
  };
  const silence = indexOf(denied);
  const rest = indexOf(decide(tiers, undefined, 0));
  const entries: ListEntry[] = [];
  const add = (protocol: number | undefined, port: number, bits: number, index: number) => {
    const { allow, rule } = decisions[index] ?? denied;
    entries.push({ protocol, port, bits, allow, rule });
  };
  if (rest !== silence) add(undefined, 0, 0, rest);
  const protocols = new Set(
    tiers.flatMap(({ rules }) => rules.flatMap(({ spans = [] }) => spans.map((span) => span.protocol))),
  );
  for (const protocol of [...protocols].sort((a, b) => a - b)) {
    const starts = startsOf(tiers, protocol);
    const values = starts.map((port) => indexOf(decide(tiers, protocol, port)));
    const tree = toTree(starts, values, 0, portBits);
    emit(tree, rest, 0, 0, (port, bits, index) => add(protocol, port, bits, index));
  }
  return toList(entries);
}

function toList(entries: readonly ListEntry[]): VerdictList {
  const [first] = entries;
  if (first === undefined) return denyList;
  if (entries.length === 1 && first.protocol === undefined && first.allow && first.rule === undefined) return allowList;
  const texts = entries.map(({ protocol, port, bits, allow, rule }) => {
    const by = rule === undefined ? "" : formatOrigin(rule);
    return `${protocol ?? ""}:${port}/${bits} ${allow ? "allow" : "deny"} ${by}`;
  });
  return { key: digestOf(texts), entries };
}

function decide(tiers: readonly AskedTier[], protocol: number | undefined, port: number): Decision {
  for (const { isolates, rules } of tiers) {
    const rule = rules.find(({ spans }) => spans === undefined || spans.some((span) => isIn(span, protocol, port)));
    if (rule === undefined && isolates) return denied;
    if (rule === undefined || rule.action === "pass") continue;
    return { allow: rule.action === "allow", rule: rule.origin };
  }
  return open;
}

function isIn(span: Span, protocol: number | undefined, port: number): boolean {
  return span.protocol === protocol && span.from <= port && port <= span.to;
}

/** Ports at which the answer may change. */
function startsOf(tiers: readonly AskedTier[], protocol: number): readonly number[] {
  const starts = new Set([0]);
  for (const { rules } of tiers) {
    for (const { spans = [] } of rules) {
      for (const span of spans) {
        if (span.protocol !== protocol) continue;
        starts.add(span.from);
        if (span.to < maxPort) starts.add(span.to + 1);
      }
    }
  }
  return [...starts].sort((a, b) => a - b);
}

/** A node of the binary tree over the port's bits: the decisions that cost it no entry more than any other would. */
type Tree = { readonly best: readonly number[]; readonly halves: readonly [Tree, Tree] | undefined };

/** The smallest routing table with the same answers (Draves, King, Venkatachary and Zill, "Constructing Optimal IP Routing Tables"). */
function toTree(starts: readonly number[], values: readonly number[], first: number, height: number): Tree {
  const last = first + 2 ** height - 1;
  const at = starts.findLastIndex((start) => start <= first);
  if ((starts[at + 1] ?? Number.POSITIVE_INFINITY) > last) return { best: [values[at] ?? 0], halves: undefined };
  const left = toTree(starts, values, first, height - 1);
  const right = toTree(starts, values, first + 2 ** (height - 1), height - 1);
  const common = left.best.filter((value) => right.best.includes(value));
  const best = common.length > 0 ? common : [...new Set([...left.best, ...right.best])].sort((a, b) => a - b);
  return { best, halves: [left, right] };
}

function emit(
  { best, halves }: Tree,
  inherited: number,
  port: number,
  bits: number,
  add: (port: number, bits: number, value: number) => void,
): void {
  const value = best.includes(inherited) ? inherited : (best[0] ?? inherited);
  if (value !== inherited) add(port, bits, value);
  if (halves === undefined) return;
  emit(halves[0], value, port, bits + 1, add);
  emit(halves[1], value, port + 2 ** (portBits - bits - 1), bits + 1, add);
}
