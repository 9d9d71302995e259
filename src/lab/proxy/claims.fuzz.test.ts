// A law of claims: their changes, applied one after the other, make what all owners want together.

import { expect, test } from "bun:test";
import { ip } from "#net/ip.ts";
import { Random } from "#test/random.ts";
import { ElementClaims } from "./claims.ts";
import { type Element, elementsOf } from "./element.ts";
import type { Frontend, Verdict } from "./frontend.ts";

const runs = 200;
const stepsPerRun = 30;
const owners = ["a", "b", "c"];

function randomFrontend(random: Random): Frontend {
  const targets = Array.from({ length: random.below(4) }, () => ({
    address: ip(`10.244.${random.below(2)}.${random.below(4)}`),
    port: 8080,
    local: random.below(2) === 0,
  }));
  const verdict: Verdict = targets.length > 0 ? targets : random.below(2) === 0 ? "refuse" : "drop";
  return {
    ...{ address: ip(`10.96.0.${random.below(3)}`), protocol: "tcp", port: 80 + random.below(2), verdict },
    ...{ own: random.below(2) === 0, masquerade: random.below(2) === 0 },
    ...(random.below(2) === 0 ? { outside: targets.length > 1 ? targets.slice(1) : "drop" } : {}),
    ...(random.below(2) === 0 ? { affinitySeconds: 60 } : {}),
  };
}

/** A table in memory, as strict as the kernel: nothing is removed that is not there, nothing is added twice. */
function apply(table: Map<string, string | undefined>, verb: "add" | "remove", { map, key, value }: Element): void {
  const id = `${map} ${key}`;
  if (verb === "remove") {
    if (!table.has(id) || table.get(id) !== value) throw new Error(`${id} is removed and was not there`);
    table.delete(id);
  } else {
    if (table.has(id)) throw new Error(`${id} is added twice`);
    table.set(id, value);
  }
}

test("changes of claims lead from any state to what is wanted", () => {
  for (let seed = 1; seed <= runs; seed++) {
    const random = new Random(seed);
    const claims = new ElementClaims();
    const table = new Map<string, string | undefined>();
    const wanted = new Map<string, readonly Element[]>();
    for (let step = 0; step < stepsPerRun; step++) {
      const owner = owners[random.below(owners.length)] ?? "a";
      const elements = Array.from({ length: random.below(3) }, () => randomFrontend(random)).flatMap(elementsOf);
      wanted.set(owner, elements);
      for (const { do: verb, element } of claims.replace(owner, elements)) apply(table, verb, element);
    }
    const fresh = new ElementClaims();
    for (const [owner, elements] of wanted) fresh.replace(owner, elements);
    const expected = new Map<string, string | undefined>();
    for (const { do: verb, element } of fresh.all()) apply(expected, verb, element);
    expect([...table].sort()).toEqual([...expected].sort());
  }
});
