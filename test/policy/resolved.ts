// What a resolver's result says of a connection, found step by step as the packet path does.

import type { PodParty } from "#model/policy/party.ts";
import type { Identity, Resolver } from "#model/policy/resolve/resolver.ts";
import type { ListEntry, VerdictList } from "#model/policy/resolve/verdict-list.ts";
import type { Direction } from "#model/policy/rule.ts";
import { contains, lengthOf } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";

/** As the packet path finds it: the address itself, then the longest block. */
function identityAt(resolver: Resolver, address: Ip): Identity {
  const own = resolver.identityOf(address);
  if (own !== undefined) return own;
  const around = [...resolver.allChanges().blocks].filter((block) => contains(block, address));
  const [longest] = around.sort((a, b) => lengthOf(b) - lengthOf(a));
  return longest === undefined ? "other" : (resolver.identityOfBlock(longest) ?? "other");
}

function lookUp({ key, entries }: VerdictList, protocol: number, port: number): Pick<ListEntry, "allow" | "rule"> {
  if (key === "allow") return { allow: true, rule: undefined };
  const fitting = entries.filter(
    (entry) =>
      entry.protocol === undefined ||
      (entry.protocol === protocol && port >> (16 - entry.bits) === entry.port >> (16 - entry.bits)),
  );
  const length = (entry: ListEntry) => (entry.protocol === undefined ? -1 : entry.bits);
  return fitting.sort((a, b) => length(b) - length(a))[0] ?? { allow: false, rule: undefined };
}

/** What a resolver says of one side of a connection with a pod of this node; ports as the packet path has them. */
export function decide(
  resolver: Resolver,
  pod: PodParty,
  direction: Direction,
  other: Ip,
  protocol: number,
  port: number,
) {
  const set = resolver.setOf(pod.name);
  const identity = identityAt(resolver, other);
  if (set === undefined) throw new Error(`${pod.name} is not resolved`);
  if (set === "open" || identity === "self") return { allow: true, rule: undefined };
  const side = set[direction];
  return lookUp((identity === "other" ? undefined : side.choices.get(identity)) ?? side.rest, protocol, port);
}
