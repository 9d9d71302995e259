// A table of nftables that the agent keeps as it should be: written as a whole, and again when somebody takes it away or changes it.

import { isErrno } from "#kernel/errno.ts";
import type { Nftables } from "#kernel/nftables.ts";
import type { NftTransactions } from "#netlink/nft-transaction.ts";

/** Where tables are kept. */
export type TableHost = {
  readonly nft: () => Nftables;
  readonly nftTransactions: () => Pick<NftTransactions, "generation">;
};

/** The text that puts a table of family inet in the place of whatever has its name. */
export function tableText(name: string, lines: readonly string[]): string {
  return [`table inet ${name}`, `delete table inet ${name}`, `table inet ${name} {`, ...lines, "}", ""].join("\n");
}

export class OwnTable {
  readonly #host: TableHost;
  readonly #name: string;
  #applied = "";
  /** What the kernel made of it. */
  #listed = "";
  /** When it was looked at last. */
  #generation = -1;

  constructor(host: TableHost, name: string) {
    this.#host = host;
    this.#name = name;
  }

  /** `text` is `tableText`'s; whether it had to be written. @throws NftError */
  ensure(text: string): boolean {
    const generation = this.#host.nftTransactions().generation();
    if (text === this.#applied && (generation === this.#generation || this.#list() === this.#listed)) {
      this.#generation = generation;
      return false;
    }
    this.#host.nft().runText(text);
    this.#applied = text;
    this.#listed = this.#list();
    return true;
  }

  /** Once more what was written last, if need be; while nobody changes nftables this costs next to nothing. @throws NftError */
  keep(): boolean {
    return this.#applied !== "" && this.ensure(this.#applied);
  }

  /** @throws NftError */
  remove(): void {
    this.#host.nft().runText(`table inet ${this.#name}\ndelete table inet ${this.#name}\n`);
    this.#applied = "";
  }

  /** This table alone: those of others may hold thousands of rules. Nothing where there is none. */
  #list(): string {
    try {
      return JSON.stringify(this.#host.nft().list({ table: { family: "inet", name: this.#name } }));
    } catch (error) {
      if (isErrno(error, "ENOENT")) return "";
      throw error;
    }
  }
}
