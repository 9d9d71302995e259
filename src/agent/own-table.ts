// A table of nftables that the agent keeps as it should be: written as a whole, and again when somebody takes it away or changes it.

import { isErrno } from "#kernel/errno.ts";
import type { Nftables } from "#kernel/nftables.ts";

/** The text that puts a table of family inet in the place of whatever has its name. */
export function tableText(name: string, lines: readonly string[]): string {
  return [`table inet ${name}`, `delete table inet ${name}`, `table inet ${name} {`, ...lines, "}", ""].join("\n");
}

export class OwnTable {
  readonly #nft: Nftables;
  readonly #name: string;
  #applied = "";
  /** What the kernel made of it. */
  #listed = "";

  constructor(nft: Nftables, name: string) {
    this.#nft = nft;
    this.#name = name;
  }

  /** `text` is `tableText`'s; whether it had to be written. @throws NftError */
  ensure(text: string): boolean {
    if (text === this.#applied && this.#list() === this.#listed) return false;
    this.#nft.runText(text);
    this.#applied = text;
    this.#listed = this.#list();
    return true;
  }

  /** @throws NftError */
  remove(): void {
    this.#nft.runText(`table inet ${this.#name}\ndelete table inet ${this.#name}\n`);
    this.#applied = "";
  }

  /** This table alone: those of others may hold thousands of rules. Nothing where there is none. */
  #list(): string {
    try {
      return JSON.stringify(this.#nft.list({ table: { family: "inet", name: this.#name } }));
    } catch (error) {
      if (isErrno(error, "ENOENT")) return "";
      throw error;
    }
  }
}
