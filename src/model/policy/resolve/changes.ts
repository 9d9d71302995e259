// What another resolution has touched: whoever holds a copy looks at these only.

import type { Direction } from "#model/policy/rule.ts";
import type { Cidr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";
import type { AddressClass } from "./item.ts";
import type { PolicySet } from "./policy-set.ts";

/** A list that is, or was, chosen for a class. */
export type Choice = { readonly set: PolicySet; readonly direction: Direction; readonly class: AddressClass };

export type Changes = {
  readonly addresses: Set<Ip>;
  readonly blocks: Set<Cidr>;
  readonly sets: Set<PolicySet>;
  readonly choices: Choice[];
  /** Local pods that have another set. */
  readonly pods: Set<string>;
};

/** To be added to. */
export function noChanges(): Changes {
  return { addresses: new Set(), blocks: new Set(), sets: new Set(), choices: [], pods: new Set() };
}

/** Whether nothing was touched. */
export function isNone({ addresses, blocks, sets, choices, pods }: Changes): boolean {
  return addresses.size + blocks.size + sets.size + choices.length + pods.size === 0;
}
