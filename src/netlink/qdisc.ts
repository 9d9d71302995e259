// Queueing disciplines: token buckets that shape, and the attachment points for filters (linux/pkt_sched.h).

import { attr, attrs } from "#codec/attrs.ts";
import { decode, encode, type Infer, type Reader } from "#codec/codec.ts";
import { cstring, rest, u32, u64 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import type { Connection } from "./connection.ts";
import { Flag, makeRequest, type Request } from "./message.ts";
import { bytesOf, fromRateSpec, noRate, rateSpec, sameBurst, ticksOf, toRateSpec } from "./rate.ts";
import { formatHandle, ingressHandle, Parent, TcMessage, tcHeader } from "./tc.ts";

/** One bucket: `rateBytes` a second, `burstBytes` at once, and at most `limitBytes` waiting. */
export type Tbf = {
  readonly kind: "tbf";
  readonly rateBytes: number;
  readonly burstBytes: number;
  readonly limitBytes: number;
};
/** A hierarchy of buckets; packets of no class go to `defaultClass`, the minor number of one, 0 for unshaped. */
export type Htb = { readonly kind: "htb"; readonly defaultClass: number };
/** Only a place for filters on what comes in. */
export type Ingress = { readonly kind: "ingress" };
/** A place for filters on both ways; links with the same block number share their filters. */
export type Clsact = {
  readonly kind: "clsact";
  readonly ingressBlock?: number | undefined;
  readonly egressBlock?: number | undefined;
};
/** Any other, by its name; it can be listed and removed. */
export type OtherQdisc = { readonly kind: "other"; readonly name: string };
export type QdiscKind = Tbf | Htb | Ingress | Clsact | OtherQdisc;

export type Qdisc = {
  readonly ifindex: number;
  /** `Parent.root` unless it hangs below a class. Ingress and clsact have a place of their own. */
  readonly parent: number;
  /** `handle(1)`; 0 for the kernel to choose. */
  readonly handle: number;
  readonly shape: QdiscKind;
};

const qdiscMessage = struct({
  header: tcHeader,
  attrs: attrs({
    kind: attr(1, cstring),
    options: attr(2, rest),
    ingressBlock: attr(13, u32),
    egressBlock: attr(14, u32),
  }),
});

/** struct tc_tbf_qopt */
const tbfParms = struct({ rate: rateSpec, peakRate: noRate, limit: u32, buffer: u32, mtu: u32 });
const tbfOptions = attrs({ parms: attr(1, tbfParms), rate64: attr(4, u64), burst: attr(6, u32) });

/** struct tc_htb_glob */
const htbInit = struct({ version: u32, rateToQuantum: u32, defaultClass: u32, debug: u32, directPackets: u32 });
const htbOptions = attrs({ init: attr(2, htbInit), directQueueLength: attr(5, u32) });
/** The only version that the kernel takes. */
const htbVersion = 3;
/** A class may send a tenth of a second's rate before it is the next one's turn. */
const htbRateToQuantum = 10;

/** The root qdisc of a link. */
export function rootQdisc(ifindex: number, shape: Tbf | Htb | OtherQdisc, handle = 0): Qdisc {
  return { ifindex, parent: Parent.root, handle, shape };
}

/** The ingress or clsact qdisc of a link. */
export function ingressQdisc(ifindex: number, shape: Ingress | Clsact = { kind: "ingress" }): Qdisc {
  return { ifindex, parent: Parent.ingress, handle: ingressHandle, shape };
}

/** Fails with EEXIST when another one is there; the kernel's default does not count. */
export function addQdisc(qdisc: Qdisc): Request {
  return qdiscRequest(qdisc, "add", TcMessage.addQdisc, Flag.create | Flag.exclusive);
}

/** Puts it in the place of whatever is there, or changes it when it is of the same kind and handle. */
export function replaceQdisc(qdisc: Qdisc): Request {
  return qdiscRequest(qdisc, "replace", TcMessage.addQdisc, Flag.create | Flag.replace);
}

/** That there is none is no error. The kernel's default takes the place of a root qdisc. */
export function removeQdisc({ ifindex, parent }: Pick<Qdisc, "ifindex" | "parent">): Request {
  const value = { header: { family: 0, ifindex, handle: 0, parent, info: 0 }, attrs: {} };
  return makeRequest(qdiscMessage, value, {
    type: TcMessage.removeQdisc,
    flags: 0,
    text: `remove qdisc ${formatHandle(parent)} dev #${ifindex}`,
    // EINVAL for a missing ingress qdisc, ENOENT for a default root, ENODEV when the link has gone with all it had.
    allow: ["ENOENT", "EINVAL", "ENODEV"],
  });
}

/** Without the kernel's defaults. The kernel lists all links' and knows no other way. @throws KernelError */
export function listQdiscs(connection: Connection, ifindex?: number): readonly Qdisc[] {
  const value = { header: { family: 0, ifindex: ifindex ?? 0, handle: 0, parent: 0, info: 0 }, attrs: {} };
  const request = makeRequest(qdiscMessage, value, { type: TcMessage.getQdisc, flags: 0, text: "list qdiscs" });
  const all = connection.dump(request, readQdisc);
  return all.filter((qdisc) => (ifindex === undefined || qdisc.ifindex === ifindex) && qdisc.handle !== 0);
}

/** Of an RTM_NEWQDISC message. */
export function readQdisc(body: Reader): Qdisc {
  const { header, attrs } = qdiscMessage.decode(body);
  const { ifindex, parent, handle } = header;
  return { ifindex, parent, handle, shape: readShape(attrs) };
}

/** Whether `have`, as the kernel lists it, is what `want` asked for, up to the rounding of the burst. */
export function sameTbf(want: Tbf, have: Tbf): boolean {
  return (
    want.rateBytes === have.rateBytes &&
    want.limitBytes === have.limitBytes &&
    sameBurst(want.rateBytes, want.burstBytes, have.burstBytes)
  );
}

/** `tbf rate 125000 B/s burst 65536 B limit 102400 B` */
export function formatShape(shape: QdiscKind): string {
  if (shape.kind === "tbf") {
    return `tbf rate ${shape.rateBytes} B/s burst ${shape.burstBytes} B limit ${shape.limitBytes} B`;
  }
  if (shape.kind === "htb") return `htb default ${shape.defaultClass.toString(16)}`;
  return shape.kind === "other" ? shape.name : shape.kind;
}

function qdiscRequest(qdisc: Qdisc, verb: string, type: number, flags: number): Request {
  const { ifindex, parent, handle, shape } = qdisc;
  const value = { header: { family: 0, ifindex, handle, parent, info: 0 }, attrs: toAttrs(shape) };
  const text = `${verb} qdisc ${formatShape(shape)} at ${formatHandle(parent)} dev #${ifindex}`;
  return makeRequest(qdiscMessage, value, { type, flags, text });
}

function toAttrs(shape: QdiscKind): Infer<typeof qdiscMessage>["attrs"] {
  switch (shape.kind) {
    case "tbf":
      return { kind: "tbf", options: encode(tbfOptions, toTbf(shape)) };
    case "htb": {
      const { defaultClass } = shape;
      const init = { version: htbVersion, rateToQuantum: htbRateToQuantum, defaultClass, debug: 0, directPackets: 0 };
      return { kind: "htb", options: encode(htbOptions, { init }) };
    }
    case "clsact":
      return { kind: "clsact", ingressBlock: shape.ingressBlock, egressBlock: shape.egressBlock };
    case "ingress":
      return { kind: "ingress" };
    case "other":
      return { kind: shape.name };
  }
}

function readShape({ kind = "", options, ingressBlock, egressBlock }: Infer<typeof qdiscMessage>["attrs"]): QdiscKind {
  const tbf = kind === "tbf" && options !== undefined ? fromTbf(decode(tbfOptions, options, "tbf")) : undefined;
  if (tbf !== undefined) return tbf;
  if (kind === "htb" && options !== undefined) {
    return { kind, defaultClass: decode(htbOptions, options, "htb").init?.defaultClass ?? 0 };
  }
  if (kind === "ingress") return { kind };
  if (kind === "clsact") {
    return {
      kind,
      ...(ingressBlock === undefined ? {} : { ingressBlock }),
      ...(egressBlock === undefined ? {} : { egressBlock }),
    };
  }
  return { kind: "other", name: kind };
}

export function toTbf({ rateBytes, burstBytes, limitBytes }: Tbf): Infer<typeof tbfOptions> {
  const { spec, rate64 } = toRateSpec(rateBytes);
  const parms = { rate: spec, limit: limitBytes, buffer: ticksOf(rateBytes, burstBytes), mtu: 0 };
  // The burst in bytes as well: it is not cut to 275 s of the rate, as the buffer is.
  return { parms, rate64, burst: burstBytes };
}

function fromTbf({ parms, rate64, burst }: Infer<typeof tbfOptions>): Tbf | undefined {
  if (parms === undefined) return undefined;
  const rateBytes = fromRateSpec(parms.rate.rate, rate64);
  return { kind: "tbf", rateBytes, burstBytes: burst ?? bytesOf(rateBytes, parms.buffer), limitBytes: parms.limit };
}
