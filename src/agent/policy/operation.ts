// Steps from what the maps hold to what policies want, in words.

import type { Cidr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";
import { type ChoiceRow, type EntryRow, formatChoice, type SetRow } from "./held.ts";

/** In this order: what is new is complete before anything leads there, and what is old goes when nothing does any more. */
export type PolicyOperation =
  | { readonly do: "add list"; readonly list: number; readonly entries: readonly EntryRow[] }
  | { readonly do: "add set"; readonly set: number; readonly lists: SetRow }
  | { readonly do: "choose"; readonly choice: ChoiceRow; readonly list: number }
  | { readonly do: "know"; readonly address: Ip; readonly identity: number }
  | { readonly do: "know block"; readonly block: Cidr; readonly identity: number }
  /** Of all interfaces of a pod, by the pod's name. */
  | { readonly do: "give"; readonly pod: string; readonly set: number; readonly keepsConnections: boolean }
  | { readonly do: "forget block"; readonly block: Cidr }
  | { readonly do: "forget"; readonly address: Ip }
  | { readonly do: "choose no more"; readonly choice: ChoiceRow }
  | { readonly do: "remove set"; readonly set: number }
  | { readonly do: "remove list"; readonly list: number; readonly entries: readonly EntryRow[] };

const order: readonly PolicyOperation["do"][] = [
  "add list",
  "add set",
  "choose",
  "know",
  "know block",
  "give",
  "forget block",
  "forget",
  "choose no more",
  "remove set",
  "remove list",
];

/** What is led to comes before what leads there, and what nobody needs any more goes last. */
export function inOrder(operations: readonly PolicyOperation[]): readonly PolicyOperation[] {
  const groups = Map.groupBy(operations, (operation) => operation.do);
  return order.flatMap((word) => groups.get(word) ?? []);
}

/** `choose list 7 for 20 in set 5 ingress` */
export function formatPolicyOperation(operation: PolicyOperation): string {
  switch (operation.do) {
    case "add list":
    case "remove list":
      return `${operation.do} ${operation.list}: ${operation.entries.length} entries`;
    case "add set":
      return `add set ${operation.set}: ingress ${operation.lists.ingress}, egress ${operation.lists.egress}`;
    case "choose":
      return `choose list ${operation.list} for ${formatChoice(operation.choice)}`;
    case "choose no more":
      return `choose no more for ${formatChoice(operation.choice)}`;
    case "know":
      return `know ${operation.address} as ${operation.identity}`;
    case "know block":
      return `know ${operation.block} as ${operation.identity}`;
    case "give":
      return `give ${operation.pod} set ${operation.set}${operation.keepsConnections ? ", keeping connections" : ""}`;
    case "forget":
      return `forget ${operation.address}`;
    case "forget block":
      return `forget ${operation.block}`;
    case "remove set":
      return `remove set ${operation.set}`;
  }
}
