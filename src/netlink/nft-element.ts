// Elements of nftables sets and maps: their keys, their values, and the requests that make, remove and read one
// (linux/netfilter/nf_tables.h).

import { attr, attrs, nest } from "#codec/attrs.ts";
import { type Codec, decode, encode, type Infer, type Reader } from "#codec/codec.ts";
import { cstring, rest, u8, u16be, u32be } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { type Ip, ipBytes } from "#net/ip.ts";
import { type Mac, macBytes } from "#net/mac.ts";
import { Flag, makeRequest, type Request } from "./message.ts";

/** One part of a key or value: as nft prints it, and as the kernel holds it. */
export type NftPart = { readonly text: string; readonly bytes: Uint8Array };

/** What an element of a verdict map does with a packet. */
export type NftVerdict = { readonly goto: string } | "accept" | "drop" | "return";

/** An element: of a set without `value` and `verdict`. `comment` has at most 127 bytes. */
export type NftElement = {
  /** Table of family inet (or the one given) and set within it. */
  readonly family?: keyof typeof families;
  readonly table: string;
  readonly set: string;
  readonly key: readonly NftPart[];
  readonly value?: readonly NftPart[];
  readonly verdict?: NftVerdict;
  readonly comment?: string;
};

/** NFNL_SUBSYS_NFTABLES */
export const nftSubsystem = 10;
/** NFT_MSG_, each with the subsystem in its upper byte. */
export const NftMessage = {
  getChain: 0xa04,
  removeChain: 0xa05,
  getRule: 0xa07,
  newElement: 0xa0c,
  getElement: 0xa0d,
  removeElement: 0xa0e,
  getGeneration: 0xa10,
};
/** NFPROTO_ */
const families = { inet: 1, ip: 2, bridge: 7, ip6: 10 } as const;
/** enum nf_inet_verdicts, enum nft_verdicts */
const verdictCodes = { drop: 0, accept: 1, goto: 0xfffffffc, return: 0xfffffffb } as const;

/** struct nfgenmsg */
export const nfgenmsg = { family: u8, version: u8, resource: u16be };

const verdictAttrs = attrs({ code: attr(1, u32be), chain: attr(2, cstring) });
const dataAttrs = attrs({ value: attr(1, rest), verdict: nest(2, verdictAttrs) });
const elementAttrs = attrs({ key: nest(1, dataAttrs), data: nest(2, dataAttrs), userdata: attr(6, rest) });
const elementMessage = struct({
  ...nfgenmsg,
  attrs: attrs({
    table: attr(1, cstring),
    set: attr(2, cstring),
    elements: nest(3, attrs({ one: nest(1, elementAttrs) })),
  }),
});
export const chainMessage = struct({
  ...nfgenmsg,
  attrs: attrs({ table: attr(1, cstring), chain: attr(3, cstring), use: attr(6, u32be) }),
});

/** Fails with EEXIST when the key is taken, with ENOENT when the table, the set or the verdict's chain is missing. */
export function createElement(element: NftElement): Request {
  return request(element, "add", elementMessage, toMessage(element), {
    type: NftMessage.newElement,
    flags: Flag.create | Flag.exclusive,
  });
}

/** By its key, whatever its value. Fails with ENOENT. */
export function removeElement({ value, verdict, comment, ...element }: NftElement): Request {
  return request(element, "remove", elementMessage, toMessage(element), { type: NftMessage.removeElement, flags: 0 });
}

/** The element under this key, at a cost that does not grow with the set: `connection.find(getElement(e), readElement)`. */
export function getElement({ value, verdict, comment, ...element }: NftElement): Request {
  return request(element, "get", elementMessage, toMessage(element), { type: NftMessage.getElement, flags: 0 });
}

export type NftChain = { readonly family?: keyof typeof families; readonly table: string; readonly chain: string };

/** Removes a chain with its rules. Fails with EBUSY while a rule or an element leads to it. */
export function removeChain(chain: NftChain): Request {
  return chainRequest(chain, NftMessage.removeChain, "remove");
}

/** Asks for a chain; fails with ENOENT when table or chain is not there. */
export function getChain(chain: NftChain): Request {
  return chainRequest(chain, NftMessage.getChain, "get");
}

function chainRequest(which: NftChain, type: number, verb: string): Request {
  const { family = "inet", table, chain } = which;
  const message = { family: families[family], version: 0, resource: 0, attrs: { table, chain } };
  return makeRequest(chainMessage, message, { type, flags: 0, text: `${verb} ${formatChain(which)}` });
}

/** `chain forward of nftables table inet twill_firewall` */
export function formatChain({ family = "inet", table, chain }: NftChain): string {
  return `chain ${chain} of nftables table ${family} ${table}`;
}

const ruleMessage = struct({ ...nfgenmsg, attrs: attrs({ table: attr(1, cstring), chain: attr(2, cstring) }) });

/** A dump of the rules of one chain. */
export function listRules(which: NftChain): Request {
  const { family = "inet", table, chain } = which;
  const message = { family: families[family], version: 0, resource: 0, attrs: { table, chain } };
  const text = `list the rules of ${formatChain(which)}`;
  return makeRequest(ruleMessage, message, { type: NftMessage.getRule, flags: Flag.dump, text });
}

/** What the kernel holds under a key: the bytes of its value, or its verdict; empty in a set. */
export type HeldElement = {
  readonly comment: string;
  readonly value: Uint8Array;
  readonly verdict: NftVerdict | undefined;
};

/** Of an NFT_MSG_NEWSETELEM message with one element, as answers to `getElement` are. */
export function readElement(body: Reader): HeldElement {
  const { data, userdata } = elementMessage.decode(body).attrs.elements?.one ?? {};
  return {
    comment: userdata === undefined ? "" : readComment(userdata),
    value: data?.value ?? new Uint8Array(0),
    verdict: data?.verdict === undefined ? undefined : readVerdict(data.verdict),
  };
}

/** Whether the kernel holds what `element` says, leaving its comment aside. */
export function holdsSame(held: HeldElement, element: NftElement): boolean {
  const value = element.value === undefined ? new Uint8Array(0) : concat(element.value);
  if (held.value.length !== value.length || held.value.some((byte, i) => byte !== value[i])) return false;
  return formatVerdict(held.verdict) === formatVerdict(element.verdict);
}

/** Of type ipv4_addr or ipv6_addr. */
export function nftIp(ip: Ip): NftPart {
  return { text: ip, bytes: ipBytes(ip) };
}

/** Of type ether_addr. */
export function nftMac(mac: Mac): NftPart {
  return { text: mac, bytes: macBytes(mac) };
}

/** Transport protocols by name (IANA protocol numbers). */
export const nftProtocols = { tcp: 6, udp: 17, dccp: 33, sctp: 132 } as const;

/** Of type inet_proto. */
export function nftProtocol(protocol: keyof typeof nftProtocols): NftPart {
  return { text: protocol, bytes: Uint8Array.of(nftProtocols[protocol]) };
}

/** Of type inet_service, network byte order. */
export function nftPort(port: number): NftPart {
  return { text: String(port), bytes: encode(u16be, port) };
}

/** IFNAMSIZ */
const ifnameBytes = 16;

/** Of type ifname: 16 bytes, filled up with zeros. */
export function nftIfname(name: string): NftPart {
  const bytes = new Uint8Array(ifnameBytes);
  bytes.set(new TextEncoder().encode(name).subarray(0, ifnameBytes - 1));
  return { text: name, bytes };
}

/** `tcp . 80 of any4 in nftables table inet twill_portmap` */
export function formatElement({ family = "inet", table, set, key }: NftElement): string {
  return `${key.map(({ text }) => text).join(" . ")} of ${set} in nftables table ${family} ${table}`;
}

function request<T>(
  element: NftElement,
  verb: string,
  codec: Codec<T>,
  value: T,
  rest: { readonly type: number; readonly flags: number },
): Request {
  return makeRequest(codec, value, { ...rest, text: `${verb} element ${formatElement(element)}` });
}

function toMessage(element: NftElement): Infer<typeof elementMessage> {
  const { family = "inet", table, set, key, value, verdict, comment } = element;
  const one = {
    key: { value: concat(key) },
    data: dataOf(value, verdict),
    userdata: comment === undefined ? undefined : writeComment(comment),
  };
  return { family: families[family], version: 0, resource: 0, attrs: { table, set, elements: { one } } };
}

function dataOf(value: NftElement["value"], verdict: NftElement["verdict"]): Infer<typeof dataAttrs> | undefined {
  if (value !== undefined) return { value: concat(value) };
  if (verdict === undefined) return undefined;
  if (typeof verdict === "string") return { verdict: { code: verdictCodes[verdict] } };
  return { verdict: { code: verdictCodes.goto, chain: verdict.goto } };
}

function readVerdict({ code, chain }: Infer<typeof verdictAttrs>): NftVerdict | undefined {
  if (code === verdictCodes.goto) return { goto: chain ?? "" };
  return (["accept", "drop", "return"] as const).find((word) => verdictCodes[word] === code);
}

function formatVerdict(verdict: NftVerdict | undefined): string {
  return typeof verdict === "object" ? `goto ${verdict.goto}` : (verdict ?? "");
}

// Parts of a concatenation each start at a multiple of 4 bytes; the kernel knows a lone one by its own length.
function concat(parts: readonly NftPart[]): Uint8Array {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first.bytes;
  const padded = (length: number) => Math.ceil(length / 4) * 4;
  const out = new Uint8Array(parts.reduce((sum, { bytes }) => sum + padded(bytes.length), 0));
  let at = 0;
  for (const { bytes } of parts) {
    out.set(bytes, at);
    at += padded(bytes.length);
  }
  return out;
}

// libnftnl keeps what the kernel does not look at as records of type, length and content; type 0 is the comment.
const commentType = 0;
const commentCodec = struct({ type: u8, size: u8, text: cstring });

function writeComment(text: string): Uint8Array {
  return encode(commentCodec, { type: commentType, size: new TextEncoder().encode(text).length + 1, text });
}

function readComment(userdata: Uint8Array): string {
  for (let at = 0; at + 2 <= userdata.length; at += 2 + (userdata[at + 1] ?? 0)) {
    if (userdata[at] === commentType)
      return decode(cstring, userdata.subarray(at + 2, at + 2 + (userdata[at + 1] ?? 0)));
  }
  return "";
}
