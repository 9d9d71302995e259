// What is to be forgotten when the targets of a place change.

import { describe, expect, test } from "bun:test";
import { ip } from "#net/ip.ts";
import type { Frontend, Verdict } from "./frontend.ts";
import { showStale, staleOf } from "./stale.ts";

function dns(targets: readonly string[] | "refuse", port = 53): Frontend {
  const verdict: Verdict =
    targets === "refuse" ? targets : targets.map((each) => ({ address: ip(each), port: 5353, local: false }));
  return { address: ip("10.96.0.20"), protocol: "udp", port, verdict, own: false, masquerade: false };
}

describe("staleOf()", () => {
  const rows: readonly (readonly [what: string, before: Frontend[], after: Frontend[], stale: string[]])[] = [
    ["nothing when nothing changes", [dns(["10.244.1.7"])], [dns(["10.244.1.7"])], []],
    ["nothing when a target comes", [dns(["10.244.1.7"])], [dns(["10.244.1.7", "10.244.1.8"])], []],
    [
      "a target that goes",
      [dns(["10.244.1.7", "10.244.1.8"])],
      [dns(["10.244.1.8"])],
      ["udp 10.96.0.20 port 53 answered by 10.244.1.7"],
    ],
    ["a service that goes", [dns(["10.244.1.7"])], [], ["udp 10.96.0.20 port 53 answered by 10.244.1.7"]],
    [
      "what went to the place itself before it had a target",
      [dns("refuse")],
      [dns(["10.244.1.7"])],
      ["udp 10.96.0.20 port 53 answered by 10.96.0.20"],
    ],
    [
      "each place for itself",
      [dns(["10.244.1.7"], 53), dns(["10.244.1.7"], 54)],
      [dns(["10.244.1.7"], 53)],
      ["udp 10.96.0.20 port 54 answered by 10.244.1.7"],
    ],
  ];
  for (const [what, before, after, stale] of rows) {
    test(`finds ${what}`, () => expect(staleOf(before, after).map(showStale)).toEqual(stale));
  }
});
