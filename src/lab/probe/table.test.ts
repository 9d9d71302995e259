// Tables of a small probe, as a terminal shows them.

import { describe, expect, test } from "bun:test";
import { attemptsFrom, formatAttempt, type Outcome, parseOutcome, type Result } from "./attempt.ts";
import { clientSource, type Destination, nodeSource, type Source } from "./cast.ts";
import { wavesOf } from "./run.ts";
import { formatSummary, formatTables } from "./table.ts";

function pod(name: string, group: string): Source {
  return { name: `shop/${name}`, short: `shop/${name}`, group: `shop/${group}`, kind: "pod", labels: {} };
}

function port(
  to: Pick<Destination, "name" | "short" | "group" | "kind">,
  number: number,
  protocol: "tcp" | "udp" = "tcp",
): Destination {
  const way = { host: "10.0.0.1" };
  return { ...to, labels: {}, protocol, port: number, hosts: { pod: way, node: way, client: way } };
}

const a = pod("a-1", "a");
const b = pod("b-1", "b");
const destinations = [
  port({ ...a, kind: "pod" }, 80),
  port({ ...b, kind: "pod" }, 53, "udp"),
  port({ ...pod("b-2", "b"), kind: "pod" }, 53, "udp"),
  port({ name: "shop/web", short: "shop/web", group: "shop/web", kind: "service" }, 80),
  port({ name: "www.example.com", short: "www.example.com", group: "www.example.com", kind: "internet" }, 80),
];

function outcome(from: Source, to: number, result: Result): Outcome {
  const destination = destinations[to];
  if (destination === undefined) throw new RangeError("no such destination");
  return { from, to: destination, host: "10.0.0.1", port: destination.port, result, ms: 1, address: undefined };
}

const outcomes = [
  ...[
    outcome(a, 0, "open"),
    outcome(a, 1, "open"),
    outcome(a, 2, "silent"),
    outcome(a, 3, "refused"),
    outcome(a, 4, "open"),
  ],
  ...[outcome(b, 0, "unreachable"), outcome(b, 3, "unknown"), outcome(b, 4, "unresolved")],
  ...[
    outcome(nodeSource("node1"), 0, "open"),
    outcome(nodeSource("node2"), 0, "open"),
    outcome(clientSource, 3, "open"),
  ],
];

describe("formatTables()", () => {
  test("has a row and a column for each workload", () => {
    expect(formatTables(outcomes, { width: 80, each: false })).toBe(`to pods, by address

FROM   a         b
       :80       :53/udp
a      ok        1 of 2
b      no route  -
nodes  ok        -

to services and the internet, by name

FROM    web      www.example.com
        :80      :80
a       refused  ok
b       no name  no dns
client  ok       -
`);
  });

  test("has the ports of a destination under its name, in their order", () => {
    const ports = [8080, 443, 80].map((number) => port({ ...b, kind: "pod" }, number));
    const web = port({ name: "shop/a-long-name", short: "", group: "shop/a-long-name", kind: "pod" }, 80);
    const found = [...ports, web].map((to): Outcome => ({ ...outcome(a, 0, "open"), to }));
    expect(formatTables(found, { width: 80, each: false })).toBe(`to pods, by address

FROM  a-long-name  b
      :80          :80  :443  :8080
a     ok           ok   ok    ok
`);
  });

  test("has a row and a column for each pod and node when asked, in bands that fit", () => {
    expect(
      formatTables(outcomes.slice(0, 3).concat(outcomes.slice(8, 10)), { width: 24, each: true }),
    ).toBe(`to pods, by address

FROM   a-1  b-1
       :80  :53/udp
a-1    ok   ok
node1  ok   -
node2  ok   -

FROM   b-2
       :53/udp
a-1    timeout
node1  -
node2  -
`);
  });

  test("keeps namespaces where there are several", () => {
    const other = { ...pod("c", "c"), name: "bank/c", short: "bank/c", group: "bank/c" };
    const text = formatTables([outcome(a, 0, "open"), outcome(other, 0, "open")], { width: 80, each: false });
    expect(text).toContain("shop/a");
    expect(text).toContain("bank/c");
  });
});

test("formatSummary() counts what is open", () => {
  expect(formatSummary(outcomes)).toBe("6 of 11 connections are open");
  expect(formatSummary(outcomes.slice(0, 2))).toBe("all 2 connections are open");
});

describe("attempts", () => {
  const attempts = attemptsFrom(a, destinations);

  test("are lines for twill-pod, and its lines are their outcomes", () => {
    expect(attempts.slice(0, 2).map(formatAttempt)).toEqual(["tcp 10.0.0.1 80\n", "udp 10.0.0.1 53\n"]);
    expect(parseOutcome("1 open 1500 10.0.0.1", attempts)).toMatchObject({
      result: "open",
      ms: 1.5,
      address: "10.0.0.1",
    });
    expect(parseOutcome("3 unknown 0 -", attempts)).toMatchObject({ result: "unknown", address: undefined });
  });

  for (const line of ["", "99 open 1 -", "0 odd 1 -"]) {
    test(`pass over "${line}"`, () => expect(parseOutcome(line, attempts)).toBeUndefined());
  }

  test("leave out what a source has no way to", () => {
    const onlyPods = destinations.map((each) => ({ ...each, hosts: { pod: { host: "x" } } }));
    expect(attemptsFrom(clientSource, onlyPods)).toEqual([]);
  });
});

describe("wavesOf()", () => {
  const pids = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);
  const podsOf = new Map([
    ["node1", pids(100, 10)],
    ["node2", pids(200, 5)],
  ]);
  const rounds = [
    ...[...podsOf].flatMap(([node, all]) => all.map((pid) => ({ pid, cgroup: "", node, attempts: [] }))),
    { pid: 1, cgroup: "", attempts: [] },
  ];
  const show = (maxNeighbours: number) =>
    wavesOf(rounds, { podsOf, maxNeighbours }).map(
      ({ rounds: some, forget }) => `${some.length} then ${forget.length}`,
    );

  test("is one where all pairs of pods fit", () => expect(show(1024)).toEqual(["16 then 0"]));
  test("goes node by node where they do not, with what was learned forgotten in between", () => {
    expect(show(160)).toEqual(["1 then 0", "4 then 10", "4 then 10", "2 then 10", "5 then 5"]);
  });
  test("goes on pod by pod at worst", () => expect(show(2)).toHaveLength(16));
});
