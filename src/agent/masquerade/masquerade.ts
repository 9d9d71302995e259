// Pods that speak to the world outside of the cluster do so as their node.

import { OwnTable, type TableHost, tableText } from "#agent/own-table.ts";
import type { Cidr } from "#net/cidr.ts";
import { familyOfCidr } from "#net/cidr.ts";
import { type Family, families } from "#net/ip.ts";

/** Whose packets are masqueraded, unless they go to one of the others. */
export type MasqueradeWant = {
  /** The node's own blocks. */
  readonly pods: readonly Cidr[];
  /** Pods, nodes and whatever else answers pods by their own addresses. */
  readonly except: readonly Cidr[];
  /** Devices that only lead to pods. */
  readonly ownDevices: readonly string[];
};

export const masqueradeTable = "twill_agent_masquerade";
/** Where nftables translates senders; what a rule ahead of it has translated stays so. */
const priority = "srcnat";

/** The table in nft's language, whole: replaced in one transaction. */
export function masqueradeText({ pods, except, ownDevices }: MasqueradeWant): string {
  const family = (of: Family) => (block: Cidr) => familyOfCidr(block) === of;
  const rules = families.flatMap((of) => {
    const own = pods.filter(family(of));
    if (own.length === 0) return [];
    const ip = of === "ipv4" ? "ip" : "ip6";
    const others = except.filter(family(of));
    const multicast = of === "ipv4" ? "224.0.0.0/4" : "ff00::/8";
    return [
      `    ${ip} saddr { ${own.join(", ")} } ${ip} daddr != { ${[...others, multicast].join(", ")} } masquerade fully-random`,
    ];
  });
  const devices = ownDevices.map((name) => `    oifname "${name}" return`);
  return tableText(masqueradeTable, [
    "  chain postrouting {",
    `    type nat hook postrouting priority ${priority}; policy accept;`,
    ...devices,
    ...rules,
    "  }",
  ]);
}

/** Keeps the table as it should be. */
export class Masquerade {
  readonly #table: OwnTable;

  constructor(host: TableHost) {
    this.#table = new OwnTable(host, masqueradeTable);
  }

  /** Writes the table when it should be another, or when somebody took it away or changed it; whether it did. @throws NftError */
  ensure(want: MasqueradeWant): boolean {
    return this.#table.ensure(masqueradeText(want));
  }

  /** As it was last; whether it had to be written. @throws NftError */
  keep(): boolean {
    return this.#table.keep();
  }

  /** @throws NftError */
  remove(): void {
    this.#table.remove();
  }
}
