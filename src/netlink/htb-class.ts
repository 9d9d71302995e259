// Classes of an htb qdisc: each with a rate of its own and a ceiling for what it borrows (linux/pkt_sched.h).

import { attr, attrs } from "#codec/attrs.ts";
import { decode, encode, type Infer, type Reader } from "#codec/codec.ts";
import { cstring, rest, u32, u64 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import type { Connection } from "./connection.ts";
import { Flag, makeRequest, type Request } from "./message.ts";
import { bytesOf, fromRateSpec, rateSpec, ticksOf, toRateSpec } from "./rate.ts";
import { formatHandle, TcMessage, tcHeader } from "./tc.ts";

export type HtbClass = {
  readonly ifindex: number;
  /** The qdisc's handle, or a class above: `handle(1)`, `handle(1, 1)`. */
  readonly parent: number;
  /** `handle(1, 0x30)`; its major number is the qdisc's. */
  readonly classId: number;
  readonly rateBytes: number;
  readonly burstBytes: number;
  /** What it may have while others leave it; at least the rate. */
  readonly ceilBytes: number;
  readonly ceilBurstBytes: number;
  /** From 0, asked first, to 7. */
  readonly priority: number;
};

/** struct tc_htb_opt */
const htbParms = struct({
  rate: rateSpec,
  ceil: rateSpec,
  buffer: u32,
  ceilBuffer: u32,
  quantum: u32,
  level: u32,
  priority: u32,
});
const htbClassOptions = attrs({ parms: attr(1, htbParms), rate64: attr(6, u64), ceil64: attr(7, u64) });

const classMessage = struct({
  header: tcHeader,
  attrs: attrs({ kind: attr(1, cstring), options: attr(2, rest) }),
});

/** Fails with EEXIST when the class is there. */
export function addHtbClass(htb: HtbClass): Request {
  return classRequest(htb, "add", Flag.create | Flag.exclusive);
}

/** Makes the class, or changes the one that is there. */
export function replaceHtbClass(htb: HtbClass): Request {
  return classRequest(htb, "replace", Flag.create | Flag.replace);
}

/** That there is none is no error; one with filters or classes below it is busy. */
export function removeHtbClass({ ifindex, classId }: Pick<HtbClass, "ifindex" | "classId">): Request {
  const value = { header: { family: 0, ifindex, handle: classId, parent: 0, info: 0 }, attrs: {} };
  return makeRequest(classMessage, value, {
    type: TcMessage.removeClass,
    flags: 0,
    text: `remove class ${formatHandle(classId)} dev #${ifindex}`,
    // EINVAL or ENOENT when the qdisc is missing.
    allow: ["ENOENT", "EINVAL", "ENODEV"],
  });
}

/** The htb classes of one link. @throws KernelError */
export function listHtbClasses(connection: Connection, ifindex: number): readonly HtbClass[] {
  const value = { header: { family: 0, ifindex, handle: 0, parent: 0, info: 0 }, attrs: {} };
  const text = `list classes dev #${ifindex}`;
  const request = makeRequest(classMessage, value, { type: TcMessage.getClass, flags: 0, text });
  return connection.dump(request, readHtbClass).filter((htb) => htb !== undefined);
}

/** Undefined for a class of another kind. */
export function readHtbClass(body: Reader): HtbClass | undefined {
  const { header, attrs } = classMessage.decode(body);
  if (attrs.kind !== "htb" || attrs.options === undefined) return undefined;
  const { parms, rate64, ceil64 } = decode(htbClassOptions, attrs.options, "htb");
  if (parms === undefined) return undefined;
  const rateBytes = fromRateSpec(parms.rate.rate, rate64);
  const ceilBytes = fromRateSpec(parms.ceil.rate, ceil64);
  return {
    ...{ ifindex: header.ifindex, parent: header.parent, classId: header.handle, rateBytes, ceilBytes },
    burstBytes: bytesOf(rateBytes, parms.buffer),
    ceilBurstBytes: bytesOf(ceilBytes, parms.ceilBuffer),
    priority: parms.priority,
  };
}

function toHtbOptions(htb: Omit<HtbClass, "ifindex" | "parent" | "classId">): Infer<typeof htbClassOptions> {
  const { rateBytes, burstBytes, ceilBytes, ceilBurstBytes, priority } = htb;
  const [rate, ceil] = [toRateSpec(rateBytes), toRateSpec(ceilBytes)];
  return {
    parms: {
      ...{ rate: rate.spec, ceil: ceil.spec },
      buffer: ticksOf(rateBytes, burstBytes),
      ceilBuffer: ticksOf(ceilBytes, ceilBurstBytes),
      // The kernel computes a quantum by itself from the rate.
      ...{ quantum: 0, level: 0, priority },
    },
    rate64: rate.rate64,
    ceil64: ceil.rate64,
  };
}

function classRequest(htb: HtbClass, verb: string, flags: number): Request {
  const { ifindex, parent, classId, rateBytes, ceilBytes } = htb;
  const value = {
    header: { family: 0, ifindex, handle: classId, parent, info: 0 },
    attrs: { kind: "htb", options: encode(htbClassOptions, toHtbOptions(htb)) },
  };
  const shape = `htb rate ${rateBytes} B/s ceil ${ceilBytes} B/s`;
  const text = `${verb} class ${formatHandle(classId)} ${shape} dev #${ifindex}`;
  return makeRequest(classMessage, value, { type: TcMessage.addClass, flags, text });
}
