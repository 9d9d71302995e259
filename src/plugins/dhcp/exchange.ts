// The DHCPv4 client's conversations: a new lease, a longer lease, a lease given back (RFC 2131, sections 3 and 4.4).

import { DecodeError, decode } from "#codec/codec.ts";
import { addressOf } from "#net/cidr.ts";
import { type Ip, ip } from "#net/ip.ts";
import { type Mac, mac } from "#net/mac.ts";
import { backoff, type Timing } from "./backoff.ts";
import { type Lease, leaseFrom } from "./lease.ts";
import { encodeMessage, type Message, message, unspecified } from "./message.ts";
import { option, readOption, writeOption } from "./option.ts";
import type { Terms } from "./terms.ts";
import type { Wire } from "./wire.ts";

/** Nobody answered, or nobody gave what was asked for. `refused`: a server said no. */
export class NoLease extends Error {
  readonly code = "NO_LEASE";
  readonly refused: boolean;

  constructor(problem: string, refused = false) {
    super(problem);
    this.refused = refused;
  }
}

/** Time and randomness of a conversation, and its end from outside. */
export type Surroundings = {
  readonly now: () => number;
  readonly random: (bytes: Uint8Array) => Uint8Array;
  readonly signal?: AbortSignal;
};

const limitedBroadcast: Ip = ip("255.255.255.255");
const everyone: Mac = mac("ff:ff:ff:ff:ff:ff");
/** What fits a link of 1500 bytes: answers with many routes and search domains are long. */
const maxMessageBytes = 1472;
const requestTries = 3;

/**
 * DISCOVER, OFFER, REQUEST, ACK; asks again and again until `timing.totalMs` are over. `wanted` is the address hoped for.
 * @throws NoLease; KernelError when the interface fails.
 */
export async function acquireLease(
  wire: Wire,
  terms: Terms,
  timing: Timing,
  around: Surroundings,
  wanted?: Ip,
): Promise<Lease> {
  await wire.listen();
  const began = around.now();
  const giveUpAt = began + timing.totalMs;
  let heard = "no DHCP server answered";
  for (const delayMs of backoff(timing.resendMaxMs, around.random)) {
    const leftMs = giveUpAt - around.now();
    if (leftMs <= 0 || around.signal?.aborted === true) break;
    const talk = new Talk(wire, terms, around, began);
    const nextAt = around.now() + Math.min(delayMs, leftMs);
    talk.send("discover", wanted === undefined ? [] : [writeOption(option.requestedAddress, wanted)]);
    const offer = await talk.answer(["offer"], nextAt - around.now());
    if (offer === undefined) continue;
    const server = readOption(offer.message.options, option.serverId);
    const asked =
      server === undefined
        ? "a server offered a lease without its identifier (option 54)"
        : await requestOffered(talk, offer.message.yiaddr, server, timing);
    if (typeof asked !== "string") return asked;
    heard = asked;
    // Who refuses at once must not be asked again at once.
    await talk.answer([], nextAt - around.now());
  }
  if (around.signal?.aborted === true) throw new NoLease("The request was given up");
  throw new NoLease(`${heard} within ${timing.totalMs / 1000} s`);
}

/**
 * Asks for more time: the server itself while `renewing`, every server while `rebinding`; each until its time is over.
 * @throws NoLease, `refused` when the lease is void; KernelError when the interface fails.
 */
export async function extendLease(
  wire: Wire,
  lease: Lease,
  state: "renewing" | "rebinding",
  terms: Terms,
  timing: Timing,
  around: Surroundings,
): Promise<Lease> {
  await wire.listen();
  const talk = new Talk(wire, terms, around, around.now());
  const direct = state === "renewing" ? lease : undefined;
  const giveUpAt = state === "renewing" ? lease.rebindAt : lease.expiresAt;
  let tries = 0;
  for (const delayMs of backoff(timing.answerMs, around.random)) {
    const since = around.now();
    if (tries === requestTries || since >= giveUpAt || around.signal?.aborted === true) break;
    tries++;
    talk.send("request", [], addressOf(lease.address), direct);
    const answer = await talk.answer(["ack", "nak"], Math.min(delayMs, giveUpAt - since));
    if (answer === undefined) continue;
    if (answer.type === "nak") throw new NoLease(`the server refused: ${reasonOf(answer.message)}`, true);
    return readLease(answer.message, answer.from, since);
  }
  throw new NoLease(`no answer to ${tries} requests while ${state}`);
}

/** Gives the lease back. There is no answer to wait for (RFC 2131, section 4.4.6). @throws KernelError */
export function releaseLease(wire: Wire, lease: Lease, terms: Terms, around: Surroundings): void {
  const talk = new Talk(wire, terms, around, around.now());
  talk.send("release", [writeOption(option.serverId, lease.server)], addressOf(lease.address), lease);
}

/** A lease, or why there is none. */
async function requestOffered(talk: Talk, address: Ip, server: Ip, timing: Timing): Promise<Lease | string> {
  let tries = 0;
  for (const delayMs of backoff(timing.answerMs, talk.around.random)) {
    if (++tries > requestTries || talk.around.signal?.aborted === true) break;
    const since = talk.around.now();
    talk.send("request", [writeOption(option.serverId, server), writeOption(option.requestedAddress, address)]);
    const answer = await talk.answer(["ack", "nak"], delayMs);
    if (answer === undefined) continue;
    if (answer.type === "nak") return `server ${server} refused ${address}: ${reasonOf(answer.message)}`;
    return readLease(answer.message, answer.from, since);
  }
  return `server ${server} offered ${address} and then fell silent`;
}

function readLease(ack: Message, from: Mac, since: number): Lease {
  try {
    return leaseFrom(ack, from, since);
  } catch (cause) {
    if (!(cause instanceof RangeError) && !(cause instanceof DecodeError)) throw cause;
    throw new NoLease(`the server's answer is unusable: ${cause.message}`);
  }
}

function reasonOf(nak: Message): string {
  return readOption(nak.options, option.message) ?? "it gave no reason";
}

type Answer = { readonly type: string | number; readonly message: Message; readonly from: Mac };

/** Messages under one transaction number. */
class Talk {
  readonly around: Surroundings;
  readonly #wire: Wire;
  readonly #terms: Terms;
  readonly #xid: number;
  readonly #began: number;

  constructor(wire: Wire, terms: Terms, around: Surroundings, began: number) {
    this.around = around;
    this.#wire = wire;
    this.#terms = terms;
    this.#began = began;
    this.#xid = new DataView(around.random(new Uint8Array(4)).buffer).getUint32(0);
  }

  /** `ciaddr` is the address in use; with `to` the message goes to that server alone. */
  send(
    type: "discover" | "request" | "release",
    extra: readonly (readonly [number, Uint8Array])[],
    ciaddr: Ip = unspecified,
    to?: Pick<Lease, "server" | "serverMac">,
  ): void {
    const { request, provide, broadcast } = this.#terms;
    const clientId = provide.get(option.clientId.code);
    const asking: readonly (readonly [number, Uint8Array])[] =
      type === "release"
        ? clientId === undefined
          ? []
          : [[option.clientId.code, clientId]]
        : [
            ...provide,
            writeOption(option.maxMessageBytes, maxMessageBytes),
            writeOption(option.parameterList, Uint8Array.from(request)),
          ];
    this.#wire.send({
      src: ciaddr,
      dst: to?.server ?? limitedBroadcast,
      dstMac: to?.serverMac ?? everyone,
      payload: encodeMessage({
        op: "request",
        xid: this.#xid,
        seconds: Math.min(0xffff, Math.max(0, Math.floor((this.around.now() - this.#began) / 1000))),
        broadcast: broadcast && type !== "release",
        ciaddr,
        yiaddr: unspecified,
        siaddr: unspecified,
        giaddr: unspecified,
        chaddr: this.#wire.mac,
        options: new Map([writeOption(option.messageType, type), ...extra, ...asking]),
      }),
    });
  }

  /** The first answer of one of the types; what is not for us, or malformed, is passed over. @throws KernelError */
  async answer(types: readonly string[], timeoutMs: number): Promise<Answer | undefined> {
    const until = this.around.now() + timeoutMs;
    for (let leftMs = timeoutMs; leftMs > 0; leftMs = until - this.around.now()) {
      const frame = await this.#wire.receive(leftMs, this.around.signal);
      if (this.around.signal?.aborted === true) return undefined;
      if (frame === undefined) continue;
      const found = this.#read(frame.payload);
      if (found !== undefined && types.includes(String(found.type))) return { ...found, from: frame.srcMac };
    }
    return undefined;
  }

  #read(payload: Uint8Array): Omit<Answer, "from"> | undefined {
    try {
      const reply = decode(message, payload, "DHCP message");
      if (reply.op !== "reply" || reply.xid !== this.#xid || reply.chaddr !== this.#wire.mac) return undefined;
      return { type: readOption(reply.options, option.messageType) ?? 0, message: reply };
    } catch (error) {
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
  }
}
