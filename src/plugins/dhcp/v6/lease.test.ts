// What becomes of a DHCPv6 server's answer, what a client goes by, and how long it waits.
import { describe, expect, test } from "bun:test";
import { decode, encode } from "#codec/codec.ts";
import { hostCidr } from "#net/cidr.ts";
import { type Ip, ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { hex } from "#test/hex.ts";
import { Random } from "#test/random.ts";
import { clientFqdn } from "./client-fqdn.ts";
import { duidOf } from "./duid.ts";
import { type Grant, readGrant } from "./lease.ts";
import { linkLocalOf } from "./link-local.ts";
import { message } from "./message.ts";
import { option, type statusCodes } from "./option.ts";
import { type OptionList, type RawOption, writeOption } from "./option-list.ts";
import { type Retransmission, renewTiming, requestTiming, retransmissions, solicitTiming } from "./retransmission.ts";

const since = 1_000_000;
const [one, two] = [ip("fd00:7::100"), ip("fd00:7::101")];
const server = writeOption(option.serverId, new Uint8Array([0, 3, 0, 1, 2, 0, 0, 0, 0, 1]));

function status(code: keyof typeof statusCodes, text: string): RawOption {
  return writeOption(option.status, { code, message: text });
}

function address(which: Ip, preferred: number, valid: number, options: OptionList = []): RawOption {
  return writeOption(option.iaAddress, { address: which, preferred, valid, options });
}

function association(options: OptionList, t1 = 0, t2 = 0, iaid = 1): RawOption {
  return writeOption(option.iaNa, { iaid, t1, t2, options });
}

function read(options: OptionList, wanted?: Ip): Grant {
  return readGrant({ type: "reply", xid: 1, options }, since, wanted);
}

const infinite = 0xffffffff;
const century = 100 * 365 * 86_400;

describe("readGrant() takes", () => {
  const rows: readonly (readonly [what: string, options: OptionList, address: Ip, seconds: readonly number[]])[] = [
    ["the server's own times", [association([address(one, 100, 200)], 30, 60)], one, [30, 60, 200]],
    ["shares of the preferred lifetime for times of zero", [association([address(one, 100, 200)])], one, [50, 80, 200]],
    ["a T2 of its own beside the server's T1", [association([address(one, 100, 200)], 90)], one, [90, 90, 200]],
    ["a T2 after the lease's end as that end", [association([address(one, 100, 200)], 30, 900)], one, [30, 200, 200]],
    ["an address that is deprecated from the start", [association([address(one, 0, 200)])], one, [100, 160, 200]],
    ["a lease for ever", [association([address(one, infinite, infinite)])], one, [century / 2, century * 0.8, century]],
    ["an explicit success", [status("success", ""), association([address(one, 100, 200)])], one, [50, 80, 200]],
    ["the wanted one of two", [association([address(two, 100, 200), address(one, 10, 20)])], one, [5, 8, 20]],
    [
      "what is usable beside what is not",
      [
        association([
          address(two, 300, 200),
          address(ip("fd00:7::102"), 1, 2, [status("notOnLink", "")]),
          address(one, 10, 20),
        ]),
      ],
      one,
      [5, 8, 20],
    ],
    [
      "its own association of two",
      [association([address(two, 1, 2)], 0, 0, 9), association([address(one, 10, 20)])],
      one,
      [5, 8, 20],
    ],
  ];
  for (const [what, options, expected, [renew = 0, rebind = 0, end = 0]] of rows) {
    test(what, () => {
      expect(read([server, ...options], one)).toMatchObject({
        lease: {
          address: hostCidr(expected),
          renewAt: since + renew * 1000,
          rebindAt: since + rebind * 1000,
          expiresAt: since + end * 1000,
        },
      });
    });
  }
});

describe("readGrant() refuses", () => {
  const good = address(one, 100, 200);
  const rows: readonly (readonly [what: string, options: OptionList, status: string, why: string])[] = [
    ["an answer without its server", [association([good])], "unusable", "no server identifier"],
    ["an answer without an association", [server], "unusable", "no association"],
    ["another client's association", [server, association([good], 0, 0, 2)], "unusable", "no association"],
    ["an association without an address", [server, association([])], "unusable", "no address"],
    ["a T1 after T2", [server, association([good], 60, 30)], "unusable", "its T1 of 60 s is after its T2 of 30 s"],
    ["preferred for longer than valid", [server, association([address(one, 300, 200)])], "unusable", "no address"],
    ["an address at its end", [server, association([address(one, 0, 0)])], "withdrawn", "it withdraws fd00:7::100"],
    ["a status", [server, status("unspecFail", "busy")], "unspecFail", "unspecFail (busy)"],
    ["a status inside", [server, association([status("noAddrsAvail", "")])], "noAddrsAvail", "noAddrsAvail"],
    ["an association cut short", [server, [3, new Uint8Array(5)]], "unusable", "option 3"],
    ["an address cut short", [server, association([[5, new Uint8Array(20)]])], "unusable", "option 5"],
  ];
  for (const [what, options, code, why] of rows) {
    test(what, () => {
      expect(read(options, one)).toEqual({ status: code, why: expect.stringContaining(why) } as never);
    });
  }
});

test("a SOLICIT in bytes", () => {
  const options = [
    writeOption(option.clientId, new Uint8Array([0, 4, 0xaa])),
    writeOption(option.elapsed, 100),
    writeOption(option.rapidCommit, true),
    association([]),
    writeOption(option.request, [23, 24]),
  ] as const;
  const bytes = hex(
    "01 123456 0001 0003 0004aa 0008 0002 0064 000e 0000 0003 000c 00000001 00000000 00000000 0006 0004 0017 0018",
  );
  expect(encode(message, { type: "solicit", xid: 0x123456, options })).toEqual(bytes);
  expect(decode(message, bytes)).toEqual({ type: "solicit", xid: 0x123456, options });
});

test("a complete name ends with the empty label, a partial one does not", () => {
  expect(encode(clientFqdn, { flags: 1, name: "shop-0" })).toEqual(hex("01 06 73686f702d30"));
  expect(encode(clientFqdn, { flags: 0, name: "a.b." })).toEqual(hex("00 01 61 01 62 00"));
  expect(() => decode(clientFqdn, hex("00 00 01 61"))).toThrow("labels follow the end of the name");
  expect(() => decode(clientFqdn, hex("00 40"))).toThrow("a label of 64 bytes is over 63");
});

test("each interface of each container has an identifier of its own, always the same", () => {
  const id = { network: "lan", containerId: "pod-1", ifname: "eth0" };
  const duid = duidOf(id);
  expect(duidOf({ ...id })).toEqual(duid);
  expect(Buffer.from(duid).toString("hex")).toMatch(/^0004.{12}8.{3}[89ab].{15}$/);
  for (const other of [
    { ...id, network: "wan" },
    { ...id, containerId: "pod-2" },
    { ...id, ifname: "eth1" },
  ]) {
    expect(duidOf(other)).not.toEqual(duid);
  }
});

test("linkLocalOf() is the modified EUI-64 form", () => {
  expect(linkLocalOf(mac("02:00:5e:10:00:17"))).toBe(ip("fe80::5eff:fe10:17"));
  expect(linkLocalOf(mac("00:00:5e:10:00:17"))).toBe(ip("fe80::200:5eff:fe10:17"));
});

describe("retransmissions() waits", () => {
  const waits = (timing: Retransmission, bytes: number, count: number) => {
    const random = (into: Uint8Array) => into.fill(bytes);
    return Array.from(
      { length: count },
      (
        (it) => () =>
          it.next().value ?? 0
      )(retransmissions(timing, random)),
    );
  };
  const rows: readonly (readonly [what: string, timing: Retransmission, byte: number, seconds: readonly number[]])[] = [
    ["at the least a tenth less", renewTiming, 0, [9, 17.1, 32.49]],
    ["at the most a tenth more", renewTiming, 255, [11, 23.1, 48.51]],
    ["first never less than its time for offers", solicitTiming, 0, [1.1, 2.09]],
    ["not longer than its limit, but for the tenth", { ...requestTiming, maxMs: 3_000 }, 255, [1.1, 2.31, 3.3, 3.3]],
    ["as often as it may", { ...requestTiming, maxCount: 2 }, 0, [0.9, 1.71, 0]],
  ];
  for (const [what, timing, byte, seconds] of rows) {
    test(what, () => {
      waits(timing, byte, seconds.length).forEach((ms, i) => {
        expect(ms / 1000).toBeCloseTo(seconds[i] ?? -1, 3);
      });
    });
  }

  test("longer than its time for offers, whatever chance says", () => {
    const random = new Random(1);
    for (let i = 0; i < 100; i++) {
      const [first = 0] = retransmissions(solicitTiming, (bytes) => bytes.fill(random.below(256)));
      expect(first).toBeGreaterThan(1_000);
      expect(first).toBeLessThanOrEqual(1_100);
    }
  });
});
