// Random policies in a lab: packets, the oracle and twill explain say the same of everybody with everybody. TWILL_LONG=1 asks more.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { askWorld } from "#cli/policy/question.ts";
import { placesOf } from "#lab/world/places.ts";
import type { World } from "#model/policy/world.ts";
import { TestLabs, twill } from "#test/lab.ts";
import { Random } from "#test/random.ts";
import type { Expectation } from "./policy-lab.ts";
import { RandomLab } from "./random-lab.ts";

const seeds = process.env["TWILL_LONG"] === "1" ? 300 : 24;
const startMs = 180_000;
const seedMs = 60_000;

let labs: TestLabs;
let random: RandomLab;

beforeAll(async () => {
  labs = await TestLabs.open();
  random = await RandomLab.start(labs, new Random(0));
}, startMs);

afterAll(async () => {
  await labs[Symbol.asyncDispose]();
});

/** What `twill explain` says, for who asks as the packets do: by address. */
function explained(world: World, { from, host, port, protocol }: Expectation): boolean {
  const family = host.includes(":") ? "ipv6" : "ipv4";
  const source = from.includes("/") ? from : `node/${from}`;
  const answers = askWorld(world, source, `[${host}]:${port}/${protocol}`, undefined);
  const judgements = answers.flatMap((each) => each.judgements);
  const own = judgements.filter((each) => each.family === undefined || each.family === family);
  if (own.length !== 1) throw new Error(`${from} to ${host}:${port} has ${own.length} answers`);
  return own.every(({ verdict }) => verdict.allowed);
}

type Row = { readonly family?: string; readonly allowed: boolean };

/** A few of both kinds, from all over. */
function sample(all: readonly Expectation[]): readonly Expectation[] {
  const ofEach = [true, false].map((isAllowed) => all.filter(({ allowed }) => allowed === isAllowed));
  return ofEach
    .flatMap((some) => Array.from({ length: 5 }, (_, at) => some[Math.floor((at * some.length) / 5)]))
    .filter((each) => each !== undefined);
}

describe("packets, the oracle and explain agree", () => {
  let allowed = 0;
  let denied = 0;
  let last: readonly Expectation[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    test(
      `on everybody with everybody, seed ${seed}`,
      async () => {
        const own = new Random(seed);
        const cluster = await random.shuffle(own);
        const asked = random.expectations(cluster, own);
        expect(asked.length).toBeGreaterThan(300);
        allowed += asked.filter((each) => each.allowed).length;
        denied += asked.filter((each) => !each.allowed).length;
        last = asked;
        const world = await random.lab.world();
        const told = asked.filter((each) => explained(world, each) !== each.allowed);
        const { policies, clusterPolicies } = cluster;
        const because = JSON.stringify({ policies, clusterPolicies });
        expect(told, because).toEqual([]);
        expect(await random.lab.differences(asked), because).toEqual([]);
      },
      seedMs,
    );
  }

  test(
    "and the command says so in JSON, in words and by its exit code",
    () => {
      for (const { from, host, port, protocol, allowed: isAllowed } of sample(last)) {
        const source = from.includes("/") ? from : `node/${from}`;
        const { kubeconfig } = placesOf(random.lab.name, labs.folder);
        const words = ["explain", "--kubeconfig", kubeconfig, source, `[${host}]:${port}/${protocol}`];
        const [text, json] = [words, [...words, "-o", "json"]].map((command) => Bun.spawnSync([twill, ...command]));
        const rows = JSON.parse(json?.stdout.toString() ?? "") as readonly Row[];
        const family = host.includes(":") ? "ipv6" : "ipv4";
        const own = rows.filter((row) => row.family === undefined || row.family === family);
        expect(own.map((row) => row.allowed)).toEqual([isAllowed]);
        const exitCode = rows.every((row) => row.allowed) ? 0 : 1;
        expect([text?.exitCode, json?.exitCode]).toEqual([exitCode, exitCode]);
        const verdicts = [...(text?.stdout.toString() ?? "").matchAll(/ → .*: (allowed|denied)$/gm)].map(
          ([, word]) => word,
        );
        expect(verdicts).toEqual(rows.map((row) => (row.allowed ? "allowed" : "denied")));
      }
    },
    seedMs,
  );

  test("and both answers are common", () => {
    expect(denied / (allowed + denied)).toBeGreaterThan(0.1);
    expect(denied / (allowed + denied)).toBeLessThan(0.9);
  });
});
