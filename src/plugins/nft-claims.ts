// Elements of nftables maps that belong to attachments: claimed, released and checked at a cost that does not grow with their number.
//
// The comment of an element names its owner. A key that changes hands (a port taken over, an address given out again) belongs to the
// last one to claim it; the former owner's release leaves it alone. What is decided by reading is sent under the condition that nobody
// changed nftables since, so several processes may do this at once.

import { isErrno, KernelError } from "#kernel/errno.ts";
import {
  createElement,
  formatChain,
  formatElement,
  holdsSame,
  type NftChain,
  type NftElement,
  type NftVerdict,
  removeChain,
  removeElement,
} from "#netlink/nft-element.ts";
import type { NftTransactions } from "#netlink/nft-transaction.ts";
import { failed } from "./container.ts";
import type { Host } from "./host.ts";
import { formatOwner, type Owner } from "./ledger.ts";

/** An element before it has an owner. */
export type Claim = Omit<NftElement, "comment">;

/** NFTNL_UDATA_COMMENT_MAXLEN without the terminating zero. */
const maxCommentBytes = 127;
/** Others may remove an unused chain between its making and its use; hardly ever twice. */
const maxSetUps = 5;

/** `shop/abc123:eth0:portmap`; where that is too long, a digest of it and its end. */
export function ownerComment(owner: Owner): string {
  const text = formatOwner(owner);
  if (Buffer.byteLength(text) <= maxCommentBytes) return text;
  const digest = Bun.CryptoHasher.hash("sha256", text, "hex").slice(0, 24);
  // A letter that the cut goes through becomes another one, of at most three bytes.
  return `${digest}…${Buffer.from(text).subarray(-90).toString()}`;
}

/**
 * Makes the elements `owner`'s, whoever held their keys before. `setUp` makes the table with all that the elements refer to; it
 * runs only when something is missing and must be fit to run at any time.
 * @throws KernelError; nothing was claimed then.
 */
export function claimElements(host: Host, owner: Owner, claims: readonly Claim[], setUp: () => string): void {
  const comment = ownerComment(owner);
  const creations = claims.map((claim) => createElement({ ...claim, comment }));
  const transactions = host.nftTransactions();
  // A failed transaction waits for a grace period, about 10 ms, and the first container of a network would always pay it.
  if (!chainsLedTo(claims).every((chain) => transactions.hasChain(chain))) host.nft().runText(setUp());
  for (let run = 0; run < maxSetUps; run++) {
    try {
      if (run === 0) transactions.apply(creations);
      else transactions.applyUnchanged(() => [...presentOf(transactions, claims).map(removeElement), ...creations]);
      return;
    } catch (error) {
      if (isErrno(error, "ENOENT")) host.nft().runText(setUp());
      else if (!isErrno(error, "EEXIST") || run > 0) throw error;
    }
  }
  throw new KernelError(`Cannot add ${claims.map(formatElement).join(", ")}: others keep removing the table`, 11);
}

/** A chain that elements lead to, and how many rules it has. */
export type ClaimChain = NftChain & { readonly rules: number };

/** Removes those of the elements that are still `owner`'s, and those of `chains` that nobody else uses. @throws KernelError */
export function releaseElements(
  host: Host,
  owner: Owner,
  claims: readonly Claim[],
  chains: readonly ClaimChain[] = [],
): void {
  if (claims.length === 0) return;
  const comment = ownerComment(owner);
  const transactions = host.nftTransactions();
  transactions.applyUnchanged(() => {
    const own = claims.filter((claim) => transactions.find(claim)?.comment === comment);
    const unused = chains.filter((chain) => {
      const uses = chain.rules + own.filter(({ verdict }) => isGoto(verdict, chain)).length;
      return transactions.usesOf(chain) === uses;
    });
    return [...own.map(removeElement), ...unused.map(removeChain)];
  });
}

/** What is not as `claimElements` left it, one sentence each; `chains` as the set-up made them. Changes nothing. */
export function checkElements(
  host: Host,
  owner: Owner,
  claims: readonly Claim[],
  chains: readonly ClaimChain[],
): readonly string[] {
  const transactions = host.nftTransactions();
  return transactions.readUnchanged(() => problemsOf(transactions, ownerComment(owner), claims, chains));
}

function problemsOf(
  transactions: NftTransactions,
  comment: string,
  claims: readonly Claim[],
  chains: readonly ClaimChain[],
): readonly string[] {
  const problems: string[] = [];
  for (const claim of claims) {
    const held = transactions.find(claim);
    if (held === undefined) problems.push(`element ${formatElement(claim)} is missing`);
    else if (held.comment !== comment) {
      problems.push(`element ${formatElement(claim)} belongs to ${held.comment || "somebody else"} by now`);
    } else if (!holdsSame(held, claim)) problems.push(`element ${formatElement(claim)} has another value`);
  }
  for (const chain of chains) {
    const found = transactions.countRules(chain);
    if (found !== chain.rules) problems.push(`${formatChain(chain)} has ${found} rules, not ${chain.rules}`);
  }
  return problems;
}

/** @throws CniError 999 with all the sentences of `checkElements`. */
export function requireNoProblems(problems: readonly string[]): void {
  if (problems.length > 0) throw failed(problems.join("; "));
}

/** A chain of a set-up: `hook` as nft writes it, empty for none; without `rules` those that an administrator adds stay. */
export type SetUpChain = { readonly chain: string; readonly hook: string; readonly rules?: readonly string[] };

/**
 * The text that makes a table, fit to run at any time: it is one transaction, in which chains are filled anew, so no packet sees one
 * without rules. `family` is "inet" or "bridge", `sets` are like `map x { type ipv4_addr : verdict; }`. A set whose type changes between
 * versions of Twill needs a new name: rules over one of another type end the process inside libnftables 1.0.6.
 */
export function setUpText(
  family: string,
  table: string,
  sets: readonly string[],
  chains: readonly SetUpChain[],
): string {
  const place = `${family} ${table}`;
  return [
    `add table ${place}`,
    ...sets.map((set) => `add ${set.replace(" ", ` ${place} `)}`),
    ...chains.map(({ chain, hook }) => `add chain ${place} ${chain} ${hook}`),
    ...chains.flatMap(({ chain, rules }) =>
      rules === undefined
        ? []
        : [`flush chain ${place} ${chain}`, ...rules.map((rule) => `add rule ${place} ${chain} ${rule}`)],
    ),
  ].join("\n");
}

/** Part of a chain's name: nft's own language takes letters, digits, "/", "_" and ".", no colon. */
export function chainSuffix(block: string): string {
  return block.replaceAll(":", "_");
}

function presentOf(transactions: NftTransactions, claims: readonly Claim[]): readonly Claim[] {
  return claims.filter((claim) => transactions.find(claim) !== undefined);
}

function chainsLedTo(claims: readonly Claim[]): readonly NftChain[] {
  return claims.flatMap(({ family, table, verdict }) =>
    typeof verdict === "object" ? [{ table, chain: verdict.goto, ...(family === undefined ? {} : { family }) }] : [],
  );
}

function isGoto(verdict: NftVerdict | undefined, { chain }: NftChain): boolean {
  return typeof verdict === "object" && verdict.goto === chain;
}
