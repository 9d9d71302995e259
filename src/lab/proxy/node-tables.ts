// The service proxy's hold on the kernel: its nftables table, what it remembers of clients, and tracked connections.

import type { Netns } from "#kernel/netns.ts";
import { Nftables } from "#kernel/nftables.ts";
import { Connection } from "#netlink/connection.ts";
import { forgetConnections } from "#netlink/conntrack.ts";
import type { Change } from "./claims.ts";
import { type ChainName, familyDigit } from "./element.ts";
import type { NodeSide } from "./node-side.ts";
import type { Stale } from "./stale.ts";
import { emptyTable, tableName } from "./table.ts";
import { transactionOf } from "./transaction.ts";

/** Without `netns` of the process's own network. */
export class NodeTables implements Disposable {
  readonly #nft: Nftables;
  readonly #conntrack: Connection;
  readonly #side: NodeSide;
  /** Undefined until the table is known to be as this process made it. */
  #chains: ReadonlySet<ChainName> | undefined;

  constructor(side: NodeSide, netns?: Netns) {
    using stack = new DisposableStack();
    this.#nft = stack.use(new Nftables(netns));
    this.#conntrack = stack.use(new Connection("netfilter", netns));
    this.#side = side;
    stack.move();
  }

  /** False before the first `replace`, and after a change that failed. */
  get known(): boolean {
    return this.#chains !== undefined;
  }

  /** Puts a table with these elements in the place of what is there, in one transaction. @throws NftError */
  replace(all: readonly Change[]): void {
    const { text, chains } = transactionOf(all, new Set());
    this.#chains = undefined;
    this.#nft.runText(emptyTable(this.#side) + text);
    this.#chains = new Set(chains);
  }

  /** @throws NftError; the table is unknown then. */
  apply(changes: readonly Change[]): void {
    const known = this.#chains;
    if (known === undefined) throw new RangeError("The table must be replaced before it is changed");
    const { text, chains } = transactionOf(changes, known);
    if (text === "") return;
    this.#chains = undefined;
    this.#nft.runText(text);
    this.#chains = new Set([...known, ...chains]);
  }

  /** Makes the kernel forget: datagrams' way at once, clients' targets for their next connections. @throws KernelError, NftError */
  forget(stale: readonly Stale[], sticky: boolean): void {
    for (const { family, protocol, address, port, answers } of stale) {
      if (protocol !== "udp") continue;
      const match = { protocol, originalDst: address, originalDstPort: port, replySrc: answers } as const;
      const [failure] = forgetConnections(this.#conntrack, family, match);
      if (failure !== undefined) throw failure.error;
    }
    if (sticky && stale.length > 0) this.#forgetClients(stale);
  }

  [Symbol.dispose](): void {
    this.#nft[Symbol.dispose]();
    this.#conntrack[Symbol.dispose]();
  }

  #forgetClients(stale: readonly Stale[]): void {
    const gone = new Set(
      stale.map(({ protocol, address, port, answers }) => `${address} ${protocol} ${port} ${answers}`),
    );
    for (const digit of new Set(stale.map(({ address }) => familyDigit(address)))) {
      const map = `clients${digit}`;
      const keys = this.#listClients(map).filter(([, place]) => gone.has(place));
      if (keys.length === 0) continue;
      this.#nft.runText(`delete element ${tableName} ${map} { ${keys.map(([key]) => key).join(", ")} }\n`);
    }
  }

  /** What is remembered: the key as nft(8) takes it, and `address protocol port target`. */
  #listClients(name: string): readonly (readonly [key: string, place: string])[] {
    const [family = "", table = ""] = tableName.split(" ");
    const [map] = this.#nft.list({ map: { family, table, name } });
    return (elementsOf(map) ?? []).map(([key, value]) => {
      const [, address, protocol, port] = key;
      return [key.join(" . "), `${address} ${protocol} ${port} ${value[0]}`];
    });
  }
}

/** The elements of a map of libnftables-json(5) whose keys and values are concatenations. */
function elementsOf(
  listing: unknown,
): readonly (readonly [key: readonly string[], value: readonly string[]])[] | undefined {
  const { map } = listing as { readonly map?: { readonly elem?: readonly (readonly [Key, Concat])[] } };
  return map?.elem?.map(([key, value]) => [
    ("elem" in key ? key.elem.val : key).concat.map(String),
    value.concat.map(String),
  ]);
}

type Concat = { readonly concat: readonly (string | number)[] };
/** With a timeout the key stands inside of an `elem`. */
type Key = Concat | { readonly elem: { readonly val: Concat } };
