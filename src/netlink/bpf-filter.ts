// Programs as filters of traffic control: on one link's clsact, or on a block that many links share (linux/pkt_cls.h, TCA_BPF_).

import { attr, attrs } from "#codec/attrs.ts";
import { decode, encode } from "#codec/codec.ts";
import { cstring, rest, u32 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import type { Connection } from "./connection.ts";
import { Flag, makeRequest, type Request } from "./message.ts";
import { formatHandle, Parent, TcMessage, tcHeader } from "./tc.ts";

/** Where a program sits: on what a link receives or sends, or on a block. */
export type ProgramPlace =
  | { readonly ifindex: number; readonly direction: "ingress" | "egress" }
  | { readonly block: number };

/** TCM_IFINDEX_MAGIC_BLOCK: the parent's field holds a block's number. */
const blockIfindex = -1;
/** ETH_P_ALL in network byte order. */
const allProtocols = 0x0300;
/** TCA_BPF_FLAG_ACT_DIRECT: the program's result is the verdict. */
const directAction = 1;
/** The agent's programs are asked before what others attach after them. */
const priority = 1;
const handle = 1;

const bpfOptions = attrs({ fd: attr(6, u32), name: attr(7, cstring), flags: attr(8, u32), id: attr(11, u32) });
const filterMessage = struct({
  header: tcHeader,
  attrs: attrs({ kind: attr(1, cstring), options: attr(2, rest) }),
});

/** Puts a program in its place, or in the place of the one that is there, at once for all links of a block. */
export function setProgram(place: ProgramPlace, fd: number, name: string): Request {
  const options = encode(bpfOptions, { fd, name, flags: directAction });
  const value = { header: headerOf(place), attrs: { kind: "bpf", options } };
  return makeRequest(filterMessage, value, {
    type: TcMessage.addFilter,
    flags: Flag.create | Flag.replace,
    text: `set program ${name} at ${formatPlace(place)}`,
  });
}

/** The kernel's number of the program in a place, whoever put it there; undefined where there is none. @throws KernelError */
export function programAt(connection: Connection, place: ProgramPlace): number | undefined {
  const value = { header: headerOf(place), attrs: { kind: "bpf" } };
  const request = makeRequest(filterMessage, value, {
    type: TcMessage.getFilter,
    flags: 0,
    text: `read the program at ${formatPlace(place)}`,
    // There is no such block.
    allow: ["EINVAL"],
  });
  return connection.find(request, (body) => {
    const { options } = filterMessage.decode(body).attrs;
    return options === undefined ? undefined : decode(bpfOptions, options).id;
  });
}

/** Takes the program away; that there is none is no error. */
export function removeProgram(place: ProgramPlace): Request {
  const value = { header: headerOf(place), attrs: { kind: "bpf" } };
  return makeRequest(filterMessage, value, {
    type: TcMessage.removeFilter,
    flags: 0,
    text: `remove the program at ${formatPlace(place)}`,
    allow: ["ENOENT", "EINVAL", "ENODEV"],
  });
}

function headerOf(place: ProgramPlace) {
  const [ifindex, parent] = "block" in place ? [blockIfindex, place.block] : [place.ifindex, parentOf(place.direction)];
  return { family: 0, ifindex, handle, parent, info: priority * 0x10000 + allProtocols };
}

function parentOf(direction: "ingress" | "egress"): number {
  return direction === "ingress" ? Parent.clsactIngress : Parent.clsactEgress;
}

function formatPlace(place: ProgramPlace): string {
  return "block" in place ? `block ${place.block}` : `${formatHandle(parentOf(place.direction))} dev #${place.ifindex}`;
}
