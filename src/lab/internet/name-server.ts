// A name server for one name: what stands for the domain name system of the internet (RFC 1035).

import { type Ip, ipBytes } from "#net/ip.ts";

const headerBytes = 12;
const typeA = 1;
const typeAaaa = 28;
const classIn = 1;
const ttlSeconds = 60;
const rcode = { ok: 0, formatError: 1, noSuchName: 3, notImplemented: 4 } as const;
/** QR and AA: an answer, by the one who decides. */
const answerFlags = 0x8400;
const recursionDesired = 0x0100;

type Question = { readonly name: string; readonly type: number; readonly class: number; readonly end: number };

/**
 * The answer to a query: the addresses of `name` of the type that was asked for, "no such name" for other names. Undefined for what is no
 * query at all, which gets no answer.
 */
export function answerQuery(query: Uint8Array, name: string, addresses: readonly Ip[]): Uint8Array | undefined {
  if (query.length < headerBytes) return undefined;
  const view = new DataView(query.buffer, query.byteOffset, query.length);
  const flags = view.getUint16(2);
  const isResponse = (flags & 0x8000) !== 0;
  if (isResponse) return undefined;
  const question = view.getUint16(4) === 1 ? readQuestion(query, view) : undefined;
  if (question === undefined) return respond(query, headerBytes, flags, rcode.formatError, []);
  if ((flags & 0x7800) !== 0) return respond(query, question.end, flags, rcode.notImplemented, []);
  if (question.name !== name || question.class !== classIn) {
    return respond(query, question.end, flags, rcode.noSuchName, []);
  }
  const answers = addresses
    .map((address) => ipBytes(address))
    .filter((bytes) => question.type === (bytes.length === 4 ? typeA : typeAaaa));
  return respond(query, question.end, flags, rcode.ok, answers);
}

function readQuestion(query: Uint8Array, view: DataView): Question | undefined {
  const labels: string[] = [];
  let at = headerBytes;
  for (;;) {
    const length = query[at++];
    // Nobody compresses the only name of a message.
    if (length === undefined || length > 63 || at + length > query.length) return undefined;
    if (length === 0) break;
    labels.push(new TextDecoder().decode(query.subarray(at, at + length)).toLowerCase());
    at += length;
  }
  if (at + 4 > query.length) return undefined;
  return { name: labels.join("."), type: view.getUint16(at), class: view.getUint16(at + 2), end: at + 4 };
}

function respond(
  query: Uint8Array,
  questionEnd: number,
  flags: number,
  code: number,
  answers: readonly Uint8Array[],
): Uint8Array {
  const records = answers.map(recordOf);
  const answer = new Uint8Array(questionEnd + records.reduce((sum, { length }) => sum + length, 0));
  answer.set(query.subarray(0, questionEnd));
  const view = new DataView(answer.buffer);
  view.setUint16(2, answerFlags | (flags & recursionDesired) | code);
  view.setUint16(4, questionEnd > headerBytes ? 1 : 0);
  view.setUint16(6, records.length);
  view.setUint32(8, 0);
  let at = questionEnd;
  for (const record of records) {
    answer.set(record, at);
    at += record.length;
  }
  return answer;
}

/** A resource record whose name is a pointer to the question's. */
function recordOf(address: Uint8Array): Uint8Array {
  const record = new Uint8Array(12 + address.length);
  const view = new DataView(record.buffer);
  view.setUint16(0, 0xc000 | headerBytes);
  view.setUint16(2, address.length === 4 ? typeA : typeAaaa);
  view.setUint16(4, classIn);
  view.setUint32(6, ttlSeconds);
  view.setUint16(10, address.length);
  record.set(address, 12);
  return record;
}
