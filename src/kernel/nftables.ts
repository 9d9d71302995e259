// nftables of one network namespace: transactions and listings, for set-up and reading. The library reads all tables' declarations
// first and, for some commands, all elements: what runs for every container is sent by netlink/nft-element.ts instead.

import { KernelError } from "./errno.ts";
import { errnoInText, NftContext } from "./libnftables.ts";
import type { Netns } from "./netns.ts";

/** One command of libnftables-json(5): `{ add: { table: { family: "inet", name: "twill" } } }`. */
export type NftCommand = { readonly [verb: string]: unknown };

/** One object of a listing: `{ chain: { family: "inet", … } }`. */
export type NftObject = { readonly [kind: string]: unknown };

/**
 * nftables refused. `isErrno` tells why: ENOENT for a table, chain, set or element that is missing, EEXIST for a `create` of what is
 * there already or an `add` of a known key with another value.
 */
export class NftError extends KernelError {
  /** What the library printed, with the place it points at. */
  readonly printed: string;

  constructor(action: string, printed: string) {
    super(action, errnoInText(printed), firstLine(printed));
    this.printed = printed;
  }
}

/** `using nft = new Nftables(netns)`; without `netns` the process's own namespace. Synchronous, and blocks for big transactions. */
export class Nftables implements Disposable {
  readonly #context: NftContext;

  /** @throws KernelError ENOENT when libnftables1 is not installed. */
  constructor(netns?: Netns) {
    this.#context = new NftContext(netns);
  }

  /** Runs the commands as one transaction: all or nothing. @throws NftError */
  run(commands: readonly NftCommand[]): void {
    if (commands.length > 0) this.#run(JSON.stringify({ nftables: commands }), "json");
  }

  /**
   * Runs commands in nft's own language, one a line, as one transaction: for tables whose rules a reader should recognise.
   * Whatever is put into the text must have been checked to hold no quote, brace or line break.
   * @throws NftError
   */
  runText(text: string): void {
    this.#run(text, "native");
  }

  /** `list({ table: { family: "inet", name: "twill" } })`: the objects without the library's own header. @throws NftError */
  list(what: { readonly [kind: string]: unknown }): readonly NftObject[] {
    const text = this.#run(JSON.stringify({ nftables: [{ list: what }] }), "json");
    const listing: unknown = text === "" ? undefined : JSON.parse(text);
    if (!isObject(listing) || !Array.isArray(listing["nftables"])) return [];
    return listing["nftables"].filter((each: unknown) => isObject(each) && !("metainfo" in each));
  }

  [Symbol.dispose](): void {
    this.#context[Symbol.dispose]();
  }

  #run(text: string, language: "native" | "json"): string {
    const { ok, output, error } = this.#context.run(text, language);
    if (!ok) throw new NftError(`Cannot change nftables by ${summary(text)}`, error);
    return output;
  }
}

const maxSummaryLength = 200;

function summary(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, " ");
  return line.length > maxSummaryLength ? `${line.slice(0, maxSummaryLength)}…` : line;
}

/** The line that starts with "Error:", without that word: below it follow the command and a marker. */
function firstLine(printed: string): string {
  const line = printed.split("\n").find((each) => each.includes("Error:")) ?? printed;
  return line.replace(/^.*Error: /, "").trim();
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
