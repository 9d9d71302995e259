// Policy routing rules: which table answers for which packets (linux/fib_rules.h).

import { attr, attrs } from "#codec/attrs.ts";
import type { Infer, Reader } from "#codec/codec.ts";
import { cstring, named, padding, u8, u32 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { addressOf, type Cidr, cidr, familyOfCidr, lengthOf } from "#net/cidr.ts";
import type { Family } from "#net/ip.ts";
import { family, ipField } from "./address-field.ts";
import type { Connection } from "./connection.ts";
import { Flag, makeRequest, type Request } from "./message.ts";

/** Only what is given is matched; without any field but `table` the rule is for all packets. */
export type Rule = {
  readonly family: Family;
  /** Packets from here. */
  readonly src?: Cidr | undefined;
  /** Packets to there. */
  readonly dst?: Cidr | undefined;
  /** Name of the interface they came in by, `lo` for the machine's own. */
  readonly iif?: string | undefined;
  readonly oif?: string | undefined;
  /** Packets whose mark, under the mask, has this value. */
  readonly mark?: { readonly value: number; readonly mask: number } | undefined;
  /** Matches what the rest does not. */
  readonly invert?: boolean | undefined;
  /** Lower is asked first. Left out, the kernel takes the number before the lowest but 0. */
  readonly priority?: number | undefined;
  /** Where to look up, for the action `table`. */
  readonly table?: number | undefined;
  readonly action: (keyof typeof actions & string) | number;
};

/** FR_ACT_ */
const actions = { table: 1, goto: 2, nop: 3, blackhole: 6, unreachable: 7, prohibit: 8 } as const;
/** RTM_ */
const MessageType = { add: 32, remove: 33, get: 34 } as const;
/** FIB_RULE_INVERT */
const invertFlag = 0x2;
/** RT_TABLE_COMPAT: the table is in its attribute, its number does not fit the header. */
const tableElsewhere = 252;

/** struct fib_rule_hdr, then attributes. */
export const ruleMessage = struct({
  family,
  dstLength: u8,
  srcLength: u8,
  tos: u8,
  table: u8,
  reserved: padding(2),
  action: named(u8, actions),
  flags: u32,
  attrs: attrs({
    dst: attr(1, ipField),
    src: attr(2, ipField),
    iif: attr(3, cstring),
    priority: attr(6, u32),
    mark: attr(10, u32),
    table: attr(15, u32),
    markMask: attr(16, u32),
    oif: attr(17, cstring),
  }),
});

/** Fails with EEXIST when the same rule is there. */
export function addRule(rule: Rule): Request {
  return makeRequest(ruleMessage, toMessage(rule), {
    type: MessageType.add,
    flags: Flag.create | Flag.exclusive,
    text: `add rule ${formatRule(rule)}`,
  });
}

/** Removes the first rule that has all the given fields; that there is none is no error. */
export function removeRule(rule: Rule): Request {
  return makeRequest(ruleMessage, toMessage(rule), {
    type: MessageType.remove,
    flags: 0,
    text: `remove rule ${formatRule(rule)}`,
    allow: ["ENOENT", "ESRCH"],
  });
}

/** In the order in which the kernel asks them. @throws KernelError */
export function listRules(connection: Connection, family: Family): readonly Rule[] {
  const request = makeRequest(ruleMessage, toMessage({ family, action: 0 }), {
    type: MessageType.get,
    flags: 0,
    text: `list ${family} rules`,
  });
  return connection.dump(request, readRule);
}

/** Of an RTM_NEWRULE message. */
export function readRule(body: Reader): Rule {
  return fromMessage(ruleMessage.decode(body));
}

/** As a person would say it: `from 10.0.0.5/32 lookup 100`. */
export function formatRule({ src, dst, iif, oif, mark, invert, priority, table, action }: Rule): string {
  const words = [
    ...(priority === undefined ? [] : [`priority ${priority}`]),
    ...(invert ? ["not"] : []),
    `from ${src ?? "all"}`,
    ...(dst === undefined ? [] : [`to ${dst}`]),
    ...(iif === undefined ? [] : [`iif ${iif}`]),
    ...(oif === undefined ? [] : [`oif ${oif}`]),
    ...(mark === undefined ? [] : [`fwmark ${hex(mark.value)}/${hex(mark.mask)}`]),
    action === "table" ? `lookup ${table ?? "nowhere"}` : String(action),
  ];
  return words.join(" ");
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function toMessage(rule: Rule): Infer<typeof ruleMessage> {
  const { family, src, dst, iif, oif, mark, invert, priority, table, action } = rule;
  for (const block of [src, dst]) {
    if (block !== undefined && familyOfCidr(block) !== family) {
      throw new RangeError(`Cannot make an ${family} rule for ${block}: it is of the other family`);
    }
  }
  return {
    family,
    dstLength: dst === undefined ? 0 : lengthOf(dst),
    srcLength: src === undefined ? 0 : lengthOf(src),
    tos: 0,
    table: table === undefined ? 0 : Math.min(table, tableElsewhere),
    action,
    flags: invert ? invertFlag : 0,
    attrs: {
      dst: dst === undefined ? undefined : addressOf(dst),
      src: src === undefined ? undefined : addressOf(src),
      iif,
      priority,
      mark: mark?.value,
      table,
      markMask: mark?.mask,
      oif,
    },
  };
}

function fromMessage(message: Infer<typeof ruleMessage>): Rule {
  const { family, dstLength, srcLength, table, action, flags, attrs } = message;
  const { dst, src, iif, oif, priority, mark, markMask } = attrs;
  return {
    family: family === "ipv6" ? "ipv6" : "ipv4",
    ...(src === undefined ? {} : { src: cidr(`${src}/${srcLength}`) }),
    ...(dst === undefined ? {} : { dst: cidr(`${dst}/${dstLength}`) }),
    ...(iif === undefined ? {} : { iif }),
    ...(oif === undefined ? {} : { oif }),
    ...(mark === undefined ? {} : { mark: { value: mark, mask: markMask ?? 0xffffffff } }),
    ...((flags & invertFlag) === 0 ? {} : { invert: true }),
    // The kernel leaves out the priority of the first rule, zero.
    priority: priority ?? 0,
    ...(action === "table" ? { table: attrs.table ?? table } : {}),
    action,
  };
}
