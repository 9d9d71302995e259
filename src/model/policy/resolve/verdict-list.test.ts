// Lists: which entries rules become, as text.

import { describe, expect, test } from "bun:test";
import type { Origin } from "#model/policy/rule.ts";
import { type AskedTier, allowList, denyList, toVerdictList } from "./verdict-list.ts";

const tcp = 6;
const origin = (path: string): Origin => ({ kind: "NetworkPolicy", namespace: "x", name: "p", path });
const allow = (path: string, ...spans: readonly (readonly [from: number, to: number])[]) => ({
  action: "allow" as const,
  origin: origin(path),
  spans: spans.map(([from, to]) => ({ protocol: tcp, from, to })),
});

/** `6/80/16 allow a`: protocol, port, leading bits, verdict, rule. */
function textOf(...tiers: readonly AskedTier[]): readonly string[] {
  return toVerdictList(tiers).entries.map(
    ({ protocol, port, bits, allow: allowed, rule }) =>
      `${protocol ?? "*"}/${port}/${bits} ${allowed ? "allow" : "deny"} ${rule?.path ?? "-"}`,
  );
}

describe("toVerdictList()", () => {
  const rows: readonly (readonly [what: string, tiers: readonly AskedTier[], entries: readonly string[]])[] = [
    ["one port", [{ isolates: true, rules: [allow("a", [80, 80])] }], ["6/80/16 allow a"]],
    ["a whole protocol", [{ isolates: true, rules: [allow("a", [0, 65_535])] }], ["6/0/0 allow a"]],
    ["a range", [{ isolates: true, rules: [allow("a", [80, 85])] }], ["6/80/13 allow a", "6/86/15 deny -"]],
    [
      "all but one port",
      [{ isolates: true, rules: [allow("a", [0, 442], [444, 65_535])] }],
      ["6/0/0 allow a", "6/443/16 deny -"],
    ],
    [
      "the first rule that matches",
      [{ isolates: true, rules: [allow("a", [80, 80]), allow("b", [80, 81])] }],
      ["6/80/15 allow a", "6/81/16 allow b"],
    ],
    [
      "any traffic, but for a port of an earlier tier",
      [
        { isolates: false, rules: [{ ...allow("a", [22, 22]), action: "deny" }] },
        { isolates: true, rules: [{ action: "allow", origin: origin("b"), spans: undefined }] },
      ],
      ["*/0/0 allow b", "6/22/16 deny a"],
    ],
    [
      "what is passed on, and nothing more",
      [
        {
          isolates: false,
          rules: [
            { ...allow("a", [80, 80]), action: "pass" },
            { ...allow("b", [80, 81]), action: "deny" },
          ],
        },
        { isolates: false, rules: [] },
      ],
      ["*/0/0 allow -", "6/81/16 deny b"],
    ],
  ];
  for (const [what, tiers, entries] of rows) test(what, () => expect(textOf(...tiers)).toEqual(entries));

  test("needs no entries where everything is one", () => {
    expect(toVerdictList([{ isolates: true, rules: [] }])).toBe(denyList);
    expect(toVerdictList([{ isolates: false, rules: [] }])).toBe(allowList);
    expect(toVerdictList([{ isolates: true, rules: [allow("a")] }])).toBe(denyList);
  });
});
