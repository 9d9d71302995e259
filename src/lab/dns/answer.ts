// From a query to its response: what cluster names say, aliases followed, and what goes upstream.

import { type Answer, AUTHORITATIVE_ANSWER, type Packet, RECURSION_AVAILABLE, RECURSION_DESIRED } from "dns-packet";
import { type ClusterNames, type Found, lookUp } from "./cluster-names.ts";

/** Asks the upstream server; undefined when there is none or it does not answer. */
export type Upstream = (name: string, type: string) => Promise<Packet | undefined>;

const rcodes = { ok: 0, formatError: 1, serverFailure: 2, noSuchName: 3, notImplemented: 4 } as const;
/** An alias of an alias of an alias: nobody means more. */
const maxAliases = 8;
const opcodeMask = 0x7800;
const negativeTtlSeconds = 5;

/** The response to a query with one question. Never throws for what a client can send. */
export async function answerQuery(query: Packet, names: ClusterNames, upstream: Upstream): Promise<Packet> {
  const [question, ...more] = query.questions ?? [];
  if (((query.flags ?? 0) & opcodeMask) !== 0) return response(query, rcodes.notImplemented);
  if (question === undefined || more.length > 0) return response(query, rcodes.formatError);
  const { type } = question;
  const answers: Answer[] = [];
  let name = question.name;
  for (let step = 0; step < maxAliases; step++) {
    const found = lookUp(name, type, names);
    if (found.found === "alias") {
      answers.push(found.answer);
      if (type === "CNAME") return response(query, rcodes.ok, answers);
      name = found.target;
      continue;
    }
    return found.found === "elsewhere"
      ? await forward(query, name, type, answers, upstream)
      : local(query, found, answers, names.domain);
  }
  return response(query, rcodes.serverFailure);
}

function local(
  query: Packet,
  found: Exclude<Found, { found: "alias" }>,
  answers: readonly Answer[],
  domain: string,
): Packet {
  if (found.found !== "records") return response(query, rcodes.noSuchName, answers, [], [authority(domain)]);
  const all = [...answers, ...found.answers];
  const authorities = all.length === 0 ? [authority(domain)] : [];
  return response(query, rcodes.ok, all, found.additionals, authorities);
}

async function forward(
  query: Packet,
  name: string,
  type: string,
  answers: readonly Answer[],
  upstream: Upstream,
): Promise<Packet> {
  const reply = await upstream(name, type);
  if (reply === undefined) return response(query, rcodes.serverFailure, answers);
  const code = (reply.flags ?? 0) & 0xf;
  return response(query, code, [...answers, ...(reply.answers ?? [])], [], reply.authorities ?? []);
}

/** Tells clients how long they may remember that there is nothing (RFC 2308). */
function authority(domain: string): Answer {
  const data = {
    mname: `ns.dns.${domain}`,
    rname: `hostmaster.${domain}`,
    serial: 1,
    refresh: 7200,
    retry: 1800,
    expire: 86400,
    minimum: negativeTtlSeconds,
  };
  return { type: "SOA", name: domain, ttl: negativeTtlSeconds, data };
}

function response(
  query: Packet,
  rcode: number,
  answers: readonly Answer[] = [],
  additionals: readonly Answer[] = [],
  authorities: readonly Answer[] = [],
): Packet {
  const desired = (query.flags ?? 0) & RECURSION_DESIRED;
  return {
    id: query.id ?? 0,
    type: "response",
    flags: AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE | desired | rcode,
    questions: query.questions ?? [],
    answers: [...answers],
    authorities: [...authorities],
    additionals: [...additionals],
  };
}
