// The DHCPv6 client's conversations: a new lease, a longer lease, a lease given back (RFC 8415, section 18.2).

import { addressOf } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";
import type { Timing } from "#plugins/dhcp/backoff.ts";
import { NoLease, type Surroundings } from "#plugins/dhcp/exchange.ts";
import type { Duid } from "./duid.ts";
import { type Grant, type Lease6, readGrant } from "./lease.ts";
import { option } from "./option.ts";
import { writeOption } from "./option-list.ts";
import { rebindTiming, renewTiming, requestTiming, retransmissions, solicitTiming } from "./retransmission.ts";
import { type Answer, Talk } from "./talk.ts";
import type { Terms6 } from "./terms.ts";
import type { Wire6 } from "./wire.ts";

/** Section 18.2.1: an ADVERTISE with this preference needs no waiting for others. */
const bestPreference = 255;

type Offer = { readonly server: Duid; readonly address: Ip; readonly preference: number };

/**
 * SOLICIT, ADVERTISE, REQUEST, REPLY, or SOLICIT and REPLY with a server that commits at once; asks until `timing.totalMs` are
 * over. `wanted` is the address hoped for.
 * @throws NoLease; KernelError when the interface fails.
 */
export async function acquireLease6(
  wire: Wire6,
  terms: Terms6,
  timing: Timing,
  around: Surroundings,
  wanted?: Ip,
): Promise<Lease6> {
  await wire.listen();
  const began = around.now();
  const giveUpAt = began + timing.totalMs;
  let heard = "no DHCPv6 server answered";
  let maxMs = Math.min(solicitTiming.maxMs, timing.resendMaxMs);
  let isFirst = true;
  const talk = new Talk(wire, terms, around);
  // No random wait before the first message (section 18.2.1, SOL_MAX_DELAY): containers do not start together as machines do
  // after a power cut, and something waits for each.
  for (const waitMs of retransmissions(solicitTiming, around.random)) {
    const since = around.now();
    if (since >= giveUpAt || around.signal?.aborted === true) break;
    const until = Math.min(giveUpAt, since + Math.min(waitMs, maxMs));
    talk.send("solicit", [writeOption(option.rapidCommit, true)], wanted);
    const collected = await collect(talk, since, until, isFirst, wanted);
    isFirst = false;
    if ("lease" in collected) return collected.lease;
    maxMs = collected.maxMs ?? maxMs;
    heard = talk.problem ?? heard;
    for (const offer of collected.offers) {
      const asked = await request(wire, terms, around, giveUpAt, offer);
      if ("lease" in asked) return asked.lease;
      heard = `the server that offered ${offer.address} ${asked.why}`;
    }
    // Who refuses at once must not be asked again at once.
    await talk.answer([], until);
  }
  if (around.signal?.aborted === true) throw new NoLease("The request was given up");
  throw new NoLease(`${heard} within ${timing.totalMs / 1000} s`);
}

/**
 * Asks for more time: the server itself while `renewing`, every server while `rebinding`; each until its time is over.
 * @throws NoLease, `refused` when the lease is void; KernelError when the interface fails.
 */
export async function extendLease6(
  wire: Wire6,
  lease: Lease6,
  state: "renewing" | "rebinding",
  terms: Terms6,
  around: Surroundings,
): Promise<Lease6> {
  await wire.listen();
  const address = addressOf(lease.address);
  const giveUpAt = state === "renewing" ? lease.rebindAt : lease.expiresAt;
  const talk = new Talk(wire, terms, around);
  for (const waitMs of retransmissions(state === "renewing" ? renewTiming : rebindTiming, around.random)) {
    const since = around.now();
    if (since >= giveUpAt || around.signal?.aborted === true) break;
    if (state === "renewing") talk.send("renew", [writeOption(option.serverId, lease.server)], address);
    else talk.send("rebind", [], address);
    const until = Math.min(giveUpAt, since + waitMs);
    for (let answer = await talk.answer(["reply"], until); answer !== undefined; ) {
      const grant = readGrant(answer.message, since, address);
      if ("lease" in grant) return same(grant.lease, address);
      if (grant.status === "notOnLink" || grant.status === "withdrawn") throw refused(grant.why);
      if (grant.status === "noBinding") {
        // Section 18.2.10.1: a server without memory of the lease is sent a REQUEST.
        const offer = { server: answer.server, address, preference: 0 };
        const anew = await request(wire, terms, around, giveUpAt, offer);
        if ("lease" in anew) return same(anew.lease, address);
        throw refused(`${grant.why}, then ${anew.why}`);
      }
      talk.passOver(grant.why);
      answer = await talk.answer(["reply"], until);
    }
  }
  const heard = talk.problem === undefined ? "" : `; ${talk.problem}`;
  throw new NoLease(`no usable answer while ${state}${heard}`);
}

/** Gives the lease back. Nobody waits for the answer: the interface is about to go. @throws KernelError */
export function releaseLease6(wire: Wire6, lease: Lease6, terms: Terms6, around: Surroundings): void {
  const talk = new Talk(wire, terms, around);
  talk.send("release", [writeOption(option.serverId, lease.server)], addressOf(lease.address));
}

/** What came of one SOLICIT: a lease, or offers, the best first; `maxMs` is a server's SOL_MAX_RT. */
type Collected = { readonly lease: Lease6 } | { readonly offers: readonly Offer[]; readonly maxMs?: number };

/** Section 18.2.1: the first time all offers are heard, later the first one that comes is taken. */
async function collect(
  talk: Talk,
  since: number,
  until: number,
  isFirst: boolean,
  wanted: Ip | undefined,
): Promise<Collected> {
  const offers: Offer[] = [];
  let maxMs: number | undefined;
  for (let answer = await talk.answer(["advertise", "reply"], until); answer !== undefined; ) {
    maxMs = solMaxRt(talk.read(answer.message, option.solMaxRt)) ?? maxMs;
    const grant = readGrant(answer.message, since, wanted);
    const committed = answer.message.type === "reply";
    if (committed && !talk.read(answer.message, option.rapidCommit)) {
      talk.passOver("a server answered with a REPLY that nobody asked for");
    } else if (!("lease" in grant)) {
      talk.passOver(`a server answered: ${grant.why}`);
    } else if (committed) {
      return { lease: grant.lease };
    } else {
      const offer = offerOf(talk, answer, grant.lease);
      offers.push(offer);
      if (!isFirst || offer.preference === bestPreference) break;
    }
    answer = await talk.answer(["advertise", "reply"], until);
  }
  offers.sort((a, b) => b.preference - a.preference);
  return { offers, ...(maxMs === undefined ? {} : { maxMs }) };
}

function offerOf(talk: Talk, { message, server }: Answer, { address }: Lease6): Offer {
  return { server, address: addressOf(address), preference: talk.read(message, option.preference) ?? 0 };
}

async function request(
  wire: Wire6,
  terms: Terms6,
  around: Surroundings,
  giveUpAt: number,
  { server, address }: Offer,
): Promise<Grant> {
  const talk = new Talk(wire, terms, around);
  let why = "then fell silent";
  for (const waitMs of retransmissions(requestTiming, around.random)) {
    const since = around.now();
    if (since >= giveUpAt || around.signal?.aborted === true) break;
    talk.send("request", [writeOption(option.serverId, server)], address);
    const answer = await talk.answer(["reply"], Math.min(giveUpAt, since + waitMs));
    if (answer === undefined) continue;
    const grant = readGrant(answer.message, since, address);
    if ("lease" in grant) return grant;
    // Section 18.2.10: after UnspecFail the same is asked again, later.
    why = `answered: ${grant.why}`;
    if (grant.status !== "unspecFail") return { ...grant, why };
    await talk.answer([], Math.min(giveUpAt, since + waitMs));
  }
  return { status: "unusable", why };
}

/** Section 21.24: servers may slow clients down, within these bounds. */
function solMaxRt(given: number | undefined): number | undefined {
  const [min, max] = [60, 86_400];
  return given !== undefined && given >= min && given <= max ? given * 1000 : undefined;
}

/** The main plugin has given the container its address: another one is of no use. */
function same(lease: Lease6, address: Ip): Lease6 {
  if (addressOf(lease.address) === address) return lease;
  throw refused(`the server gives ${addressOf(lease.address)} instead of ${address}`);
}

function refused(why: string): NoLease {
  return new NoLease(`the server refused: ${why}`, true);
}
