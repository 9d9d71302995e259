// A name server for one name: what stands for the domain name system of the internet (RFC 1035).

import { type Answer, AUTHORITATIVE_ANSWER, type Packet, RECURSION_DESIRED } from "dns-packet";
import { familyOf, type Ip } from "#net/ip.ts";

const ttlSeconds = 60;
const opcodeMask = 0x7800;
const rcodes = { ok: 0, formatError: 1, noSuchName: 3, notImplemented: 4 } as const;

/** The answer to a query: the addresses of `name` of the type that was asked for, "no such name" for other names. */
export function answerInternet(query: Packet, name: string, addresses: readonly Ip[]): Packet {
  const { questions = [], flags = 0, id = 0 } = query;
  const [question, ...more] = questions;
  const respond = (rcode: number, answers: Answer[] = []): Packet => {
    const kept = flags & RECURSION_DESIRED;
    return { id, type: "response", flags: AUTHORITATIVE_ANSWER | kept | rcode, questions, answers };
  };
  if ((flags & opcodeMask) !== 0) return respond(rcodes.notImplemented);
  if (question === undefined || more.length > 0) return respond(rcodes.formatError);
  if (question.name.toLowerCase() !== name) return respond(rcodes.noSuchName);
  const answers = addresses
    .map(
      (data): Answer => ({
        type: familyOf(data) === "ipv4" ? "A" : "AAAA",
        name: question.name,
        ttl: ttlSeconds,
        data,
      }),
    )
    .filter(({ type }) => type === question.type);
  return respond(rcodes.ok, answers);
}
