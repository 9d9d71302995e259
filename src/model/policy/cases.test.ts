// The truth tables of test/policy/cases, as the engine and as the oracle fill them.

import { describe, expect, test } from "bun:test";
import type { KubeObject } from "#kube/object.ts";
import { type Cell, cells, expected, type Table } from "#test/policy/cases/case.ts";
import { cases } from "#test/policy/cases/cases.ts";
import { play } from "#test/policy/cases/play.ts";
import { allows } from "#test/policy/oracle.ts";
import type { OracleCluster, OracleEnd } from "#test/policy/oracle-objects.ts";
import { objectsOf } from "#test/policy/oracle-to-objects.ts";
import { evaluate } from "./evaluate.ts";
import { formatParty, type PodParty } from "./party.ts";
import type { Protocol } from "./rule.ts";
import { worldOf } from "./world.ts";

type Ask = (cell: Cell) => boolean;

function askEngine(cluster: OracleCluster, v6: boolean): Ask {
  const world = worldOf(objectsOf(cluster) as readonly KubeObject[]);
  const parties = new Map(
    world.pods.map((pod): readonly [string, PodParty] => [
      formatParty(pod),
      { ...pod, addresses: pod.addresses.filter((address) => address.includes(":") === v6) },
    ]),
  );
  const partyOf = (name: string) => parties.get(name) ?? { party: "address" as const, addresses: [] };
  return ({ from, to, port, protocol }) => {
    const traffic = { protocol: protocol.toLowerCase() as Protocol, port };
    return evaluate(world.policies, partyOf(from), partyOf(to), traffic).allowed;
  };
}

function askOracle(cluster: OracleCluster, v6: boolean): Ask {
  const endOf = (name: string): OracleEnd => {
    const pod = cluster.pods.find((each) => `${each.namespace}/${each.name}` === name);
    return pod === undefined ? { ip: "" } : { pod };
  };
  return ({ from, to, port, protocol }) => allows(cluster, endOf(from), endOf(to), { protocol, port }, v6);
}

/** Each connection that is not as the table says, as a line. */
function differences(table: Table, ask: Ask): readonly string[] {
  return cells.flatMap((cell) => {
    const wanted = expected(table, cell);
    const { from, to, port, protocol } = cell;
    return ask(cell) === wanted
      ? []
      : [`${from} → ${to} ${protocol}/${port} should be ${wanted ? "allowed" : "denied"}`];
  });
}

for (const [who, ask] of [
  ["the engine", askEngine],
  ["the oracle", askOracle],
] as const) {
  describe(`${who} fills the tables`, () => {
    for (const each of cases) {
      test(each.name, () => {
        for (const v6 of [false, true]) {
          for (const [index, { cluster, expect: table }] of play(each, v6).entries())
            expect(differences(table, ask(cluster, v6)), `step ${index + 1}, IPv${v6 ? 6 : 4}`).toEqual([]);
        }
      });
    }
  });
}

test("each case has a name of its own", () => {
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  expect(cases.length).toBeGreaterThan(50);
});
