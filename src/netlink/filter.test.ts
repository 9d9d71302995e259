// Filters as values and as bytes.
import { describe, expect, test } from "bun:test";
import { Reader } from "#codec/codec.ts";
import { hex, toHex } from "#test/hex.ts";
import { addRedirect, readFilter, removeFilters } from "./filter.ts";
import { ingressHandle } from "./tc.ts";

const place = { ifindex: 10, parent: ingressHandle, priority: 1 };
const header = "00000000 0a000000 00000000 0000ffff 0003 0100 # parent ffff:, all protocols, priority 1";
const matchAll = `
  2400 0500 01 00 01 00 0000 0000 0000 0000 00000000 # TCA_U32_SEL: terminal, one key
            00000000 00000000 00000000 00000000      # mask, value, offset, offset mask`;
const redirect = `
  3800 0780                                          # TCA_U32_ACT
    3400 0180                                        # first
      0b00 0100 6d697272 65640000                    # TCA_ACT_KIND mirred
      2400 0280                                      # TCA_ACT_OPTIONS
        2000 0200 00000000 00000000 04000000         # TCA_MIRRED_PARMS: index, capabilities, TC_ACT_STOLEN
                  00000000 00000000 01000000 0b000000 # references, bindings, TCA_EGRESS_REDIR, ifindex`;
const kind = "0800 0100 75333200 # TCA_KIND u32";

describe("a filter", () => {
  test("that redirects all is the same as bytes", () => {
    const bytes = hex(`${header}\n${kind}\n6000 0200 ${matchAll}\n${redirect}`);
    const request = addRedirect({ ...place, to: 11 });
    expect(request.text).toBe("add filter at ffff: dev #10, all packets redirected to dev #11");
    expect(toHex(request.body)).toBe(toHex(bytes));
    expect(readFilter(new Reader(bytes))).toEqual({
      ...{ ...place, handle: 0, protocol: 3, kind: "u32", matchesAll: true, to: 11 },
    });
  });

  test("without an action redirects to nowhere", () => {
    const filter = readFilter(new Reader(hex(`${header}\n${kind}\n2800 0200 ${matchAll}`)));
    expect(filter).toEqual({ ...place, handle: 0, protocol: 3, kind: "u32", matchesAll: true });
  });

  test("with a mask does not match all", () => {
    const masked = matchAll.replace("00000000 00000000 00000000 00000000", "ff000000 0a000000 10000000 00000000");
    const filter = readFilter(new Reader(hex(`${header}\n${kind}\n6000 0200 ${masked}\n${redirect}`)));
    expect(filter.matchesAll).toBe(false);
  });

  test("of another kind is known by its name", () => {
    const filter = readFilter(new Reader(hex(`${header}\n0800 0100 62706600`)));
    expect(filter).toEqual({ ...place, handle: 0, protocol: 3, kind: "bpf" });
  });

  test("is removed by its priority, or with all others", () => {
    expect(toHex(removeFilters(place).body)).toBe(toHex(hex(header)));
    const all = removeFilters({ ...place, priority: 0 });
    expect(all.text).toBe("remove filters at ffff: dev #10");
    expect(toHex(all.body)).toBe(toHex(hex("00000000 0a000000 00000000 0000ffff 00000000")));
  });
});
