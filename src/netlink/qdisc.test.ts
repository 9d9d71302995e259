// Qdiscs as values, as bytes and as text.
import { describe, expect, test } from "bun:test";
import { Reader } from "#codec/codec.ts";
import { hex, toHex } from "#test/hex.ts";
import { addQdisc, ingressQdisc, type Qdisc, readQdisc, removeQdisc, rootQdisc, sameTbf, type Tbf } from "./qdisc.ts";
import { handle, Parent } from "./tc.ts";

const rows: readonly (readonly [Qdisc, text: string, bytes: string])[] = [
  [
    rootQdisc(10, { kind: "tbf", rateBytes: 125_000, burstBytes: 65_536, limitBytes: 102_400 }, handle(1)),
    "tbf rate 125000 B/s burst 65536 B limit 102400 B at root dev #10",
    `00000000 0a000000 00000100 ffffffff 00000000      # struct tcmsg
     0800 0100 74626600                                # TCA_KIND
     3400 0200                                         # TCA_OPTIONS
       2800 0100                                       # TCA_TBF_PARMS
         00 01 0000 0000 0000 48e80100                 # rate, TC_LINKLAYER_ETHERNET
         00000000 00000000 00000000                    # peak rate
         00900100 00007d00 00000000                    # limit; 524.288 ms in ticks of 64 ns; mtu
       0800 0600 00000100                              # TCA_TBF_BURST`,
  ],
  [
    rootQdisc(10, { kind: "tbf", rateBytes: 12_500_000_000, burstBytes: 10_000_000, limitBytes: 20_000_000 }),
    "tbf rate 12500000000 B/s burst 10000000 B limit 20000000 B at root dev #10",
    `00000000 0a000000 00000000 ffffffff 00000000
     0800 0100 74626600
     4000 0200
       2800 0100
         00 01 0000 0000 0000 ffffffff
         00000000 00000000 00000000
         002d3101 d4300000 00000000
       0c00 0400 00dd0ee9 02000000                     # TCA_TBF_RATE64
       0800 0600 80969800`,
  ],
  [
    rootQdisc(10, { kind: "htb", defaultClass: 0x30 }, handle(1)),
    "htb default 30 at root dev #10",
    `00000000 0a000000 00000100 ffffffff 00000000
     0800 0100 68746200
     1c00 0200
       1800 0200 03000000 0a000000 30000000 00000000 00000000 # TCA_HTB_INIT`,
  ],
  [
    ingressQdisc(10),
    "ingress at ingress dev #10",
    "00000000 0a000000 0000ffff f1ffffff 00000000 0c00 0100 696e6772 65737300",
  ],
  [
    ingressQdisc(10, { kind: "clsact", ingressBlock: 31, egressBlock: 32 }),
    "clsact at ingress dev #10",
    `00000000 0a000000 0000ffff f1ffffff 00000000
     0b00 0100 636c7361 63740000
     0800 0d00 1f000000                                # TCA_INGRESS_BLOCK
     0800 0e00 20000000                                # TCA_EGRESS_BLOCK`,
  ],
  [
    { ifindex: 10, parent: handle(1, 0x30), handle: handle(2), shape: { kind: "other", name: "fq" } },
    "fq at 1:30 dev #10",
    "00000000 0a000000 00000200 30000100 00000000 0700 0100 66710000",
  ],
];

describe("a qdisc", () => {
  for (const [qdisc, text, bytes] of rows) {
    test(`"${text}" is the same as bytes`, () => {
      const request = addQdisc(qdisc);
      expect(request.text).toBe(`add qdisc ${text}`);
      expect(toHex(request.body)).toBe(toHex(hex(bytes)));
      expect(readQdisc(new Reader(hex(bytes)))).toEqual(qdisc);
    });
  }

  test("is removed by its place alone", () => {
    const request = removeQdisc({ ifindex: 10, parent: Parent.ingress });
    expect(request.text).toBe("remove qdisc ingress dev #10");
    expect(toHex(request.body)).toBe(toHex(hex("00000000 0a000000 00000000 f1ffffff 00000000")));
  });

  test("refuses a rate of nothing", () => {
    const none: Tbf = { kind: "tbf", rateBytes: 0, burstBytes: 1, limitBytes: 1 };
    expect(() => addQdisc(rootQdisc(10, none))).toThrow("A rate of 0 bytes a second cannot be shaped");
  });
});

describe("sameTbf()", () => {
  const want: Tbf = { kind: "tbf", rateBytes: 1_000_000, burstBytes: 100_000, limitBytes: 200_000 };
  const cases: readonly (readonly [Partial<Tbf>, boolean])[] = [
    [{}, true],
    [{ burstBytes: 99_999 }, true],
    [{ burstBytes: 99_990 }, false],
    [{ burstBytes: 200_000 }, false],
    [{ rateBytes: 1_000_001 }, false],
    [{ limitBytes: 200_001 }, false],
  ];
  for (const [change, same] of cases) {
    test(`with ${JSON.stringify(change)} is ${same}`, () => {
      expect(sameTbf(want, { ...want, ...change })).toBe(same);
    });
  }
});
