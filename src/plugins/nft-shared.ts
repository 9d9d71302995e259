// Elements of nftables that all attachments of a network share: made when missing, removed with the network's last attachment.
//
// Their comment names the network. An element that a second network needs is marked as shared and stays from then on: taking it away
// with one network would open what the other relies on.

import { isErrno, KernelError } from "#kernel/errno.ts";
import type { Request } from "#netlink/message.ts";
import { createElement, formatElement, holdsSame, removeElement } from "#netlink/nft-element.ts";
import type { NftTransactions } from "#netlink/nft-transaction.ts";
import type { Host } from "./host.ts";
import type { Claim } from "./nft-claims.ts";

const maxCommentBytes = 127;
const sharedComment = "several networks";
const maxSetUps = 5;

/**
 * Makes the elements unless they are there; one with another value is replaced. Where all are in place one is made anew, as it is: that
 * turns away an `unshareElements` that began before. `setUp` as in `claimElements`.
 * @throws KernelError
 */
export function shareElements(host: Host, network: string, claims: readonly Claim[], setUp: () => string): void {
  if (claims.length === 0) return;
  const comment = commentOf(network);
  const transactions = host.nftTransactions();
  for (let run = 0; run < maxSetUps; run++) {
    try {
      transactions.applyUnchanged(() => {
        const changes = claims.flatMap((claim) => shareElement(transactions, claim, comment));
        return changes.length > 0 ? changes : claims.slice(0, 1).flatMap((claim) => remake(transactions, claim));
      });
      return;
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
      host.nft().runText(setUp());
    }
  }
  throw new KernelError(`Cannot add ${claims.map(formatElement).join(", ")}: others keep removing the table`, 11);
}

function shareElement(transactions: NftTransactions, claim: Claim, comment: string): readonly Request[] {
  const held = transactions.find(claim);
  if (held === undefined) return [createElement({ ...claim, comment })];
  if (holdsSame(held, claim) && [comment, sharedComment].includes(held.comment)) return [];
  const next = held.comment === comment ? comment : sharedComment;
  return [removeElement(claim), createElement({ ...claim, comment: next })];
}

function remake(transactions: NftTransactions, claim: Claim): readonly Request[] {
  const held = transactions.find(claim);
  // Gone since it was looked at: then nftables changed, and all is decided anew.
  if (held === undefined) return [createElement(claim)];
  return [removeElement(claim), createElement({ ...claim, comment: held.comment })];
}

/**
 * Removes those of the elements that only this network needed, unless `stillNeeded`: asked after nftables' generation was read, so that
 * an attachment which is recorded before it shares its elements never loses them.
 * @throws KernelError
 */
export function unshareElements(
  host: Host,
  network: string,
  claims: readonly Claim[],
  stillNeeded: () => boolean,
): void {
  if (claims.length === 0) return;
  const comment = commentOf(network);
  const transactions = host.nftTransactions();
  transactions.applyUnchanged(() => {
    if (stillNeeded()) return [];
    return claims.filter((claim) => transactions.find(claim)?.comment === comment).map(removeElement);
  });
}

/** What is not as `shareElements` left it, one sentence each. Changes nothing. */
export function checkShared(host: Host, claims: readonly Claim[]): readonly string[] {
  const transactions = host.nftTransactions();
  return claims.flatMap((claim) => {
    const held = transactions.find(claim);
    if (held === undefined) return [`element ${formatElement(claim)} is missing`];
    return holdsSame(held, claim) ? [] : [`element ${formatElement(claim)} has another value`];
  });
}

function commentOf(network: string): string {
  return `network ${network}`.slice(0, maxCommentBytes);
}
