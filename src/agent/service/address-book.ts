// Whose addresses are whose: those of nodes and of their pods are no service's.

import type { NodeModel } from "#model/node.ts";
import { type Cidr, familyOfCidr, joinIfAddr, lengthOf, networkOf } from "#net/cidr.ts";
import { familyOf, type Ip } from "#net/ip.ts";

export type AddressOwner = { readonly kind: "node" | "pod"; readonly text: string };

export class AddressBook {
  readonly #nodes: ReadonlyMap<Ip, string>;
  readonly #blocks: ReadonlyMap<Cidr, string>;
  /** Lengths of blocks that there are, few: an address is looked for in each. */
  readonly #lengths: { readonly ipv4: readonly number[]; readonly ipv6: readonly number[] };

  constructor(nodes: readonly Pick<NodeModel, "name" | "addresses" | "blocks">[]) {
    this.#nodes = new Map(nodes.flatMap(({ name, addresses }) => Object.values(addresses).map((each) => [each, name])));
    this.#blocks = new Map(nodes.flatMap(({ name, blocks }) => blocks.map((block) => [block, name])));
    const lengths = (family: "ipv4" | "ipv6") => [
      ...new Set([...this.#blocks.keys()].filter((block) => familyOfCidr(block) === family).map(lengthOf)),
    ];
    this.#lengths = { ipv4: lengths("ipv4"), ipv6: lengths("ipv6") };
  }

  /** Undefined for an address that is no node's and not among those of pods. */
  ownerOf(address: Ip): AddressOwner | undefined {
    const node = this.#nodes.get(address);
    if (node !== undefined) return { kind: "node", text: `the address of node ${node}` };
    for (const length of this.#lengths[familyOf(address)]) {
      const block = networkOf(joinIfAddr(address, length));
      const owner = this.#blocks.get(block);
      if (owner !== undefined) return { kind: "pod", text: `one of the pods' addresses of node ${owner}, ${block}` };
    }
    return undefined;
  }
}
