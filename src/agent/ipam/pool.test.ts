// Which address a pool gives next.

import { describe, expect, test } from "bun:test";
import { cidr, familyOfCidr } from "#net/cidr.ts";
import { type Ip, ip, ipFromBigint, ipToBigint } from "#net/ip.ts";
import { Random } from "#test/random.ts";
import { AddressPool, type PoolMemory } from "./pool.ts";

const cooldownMs = 1000;
const fresh: PoolMemory = { passed: 0n, released: [] };

function pool(block: string, memory: PoolMemory = fresh): AddressPool {
  return new AddressPool(cidr(block), cooldownMs, memory);
}

/** Takes what is next until nothing is. */
function drain(from: AddressPool, nowMs: number): string {
  const taken: Ip[] = [];
  for (let next = from.next(nowMs); next !== undefined && taken.length < 20; next = from.next(nowMs)) {
    from.take(next);
    taken.push(next);
  }
  return taken.join(" ");
}

describe("AddressPool", () => {
  const rows: readonly (readonly [block: string, all: string])[] = [
    ["10.0.0.0/30", "10.0.0.1 10.0.0.2"],
    ["10.0.0.4/31", "10.0.0.4 10.0.0.5"],
    ["10.0.0.7/32", "10.0.0.7"],
    ["fd00::/126", "fd00::1 fd00::2 fd00::3"],
    ["fd00::8/127", "fd00::8 fd00::9"],
    ["fd00::f/128", "fd00::f"],
  ];
  for (const [block, all] of rows) {
    test(`gives of ${block} ${all}`, () => {
      const addresses = pool(block);
      expect(addresses.usage(0).total).toBe(String(all.split(" ").length));
      expect(drain(addresses, 0)).toBe(all);
      const [first = 0n, last = 0n] = [all.split(" ").at(0), all.split(" ").at(-1)].map((each) =>
        ipToBigint(ip(each ?? "")),
      );
      const around = [first - 1n, first, last, last + 1n].map((each) =>
        ipFromBigint(each, familyOfCidr(addresses.block)),
      );
      expect(around.map((each) => addresses.gives(each))).toEqual([false, true, true, false]);
    });
  }

  test("gives what was released longest ago, and nothing within the cooldown", () => {
    const addresses = pool("10.0.0.0/29");
    expect(drain(addresses, 0)).toBe("10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6");
    addresses.release(ip("10.0.0.4"), 100);
    addresses.release(ip("10.0.0.2"), 200);
    expect(addresses.next(1099)).toBeUndefined();
    expect(addresses.usage(1099)).toMatchObject({ taken: 4, cooling: 2, nextFreeMs: 1100 });
    expect(addresses.next(1100)).toBe(ip("10.0.0.4"));
    addresses.take(ip("10.0.0.4"));
    expect(addresses.next(1100)).toBeUndefined();
    expect(drain(addresses, 5000)).toBe("10.0.0.2");
  });

  test("lets addresses rest anew, and no longer, after the clock was set back", () => {
    const addresses = pool("10.0.0.0/30");
    drain(addresses, 0);
    addresses.release(ip("10.0.0.1"), 1_000_000);
    expect(addresses.next(5000)).toBeUndefined();
    expect(addresses.usage(5000).nextFreeMs).toBe(6000);
    expect(addresses.next(6000)).toBe(ip("10.0.0.1"));
  });

  test("gives new addresses before released ones, and goes on where it was after a restart", () => {
    const before = pool("10.0.0.0/24");
    for (const address of ["10.0.0.1", "10.0.0.2"]) before.take(ip(address));
    expect(before.next(0)).toBe(ip("10.0.0.3"));
    before.release(ip("10.0.0.1"), 0);
    const after = pool("10.0.0.0/24", { passed: before.passed, released: [[ip("10.0.0.1"), 0]] });
    after.take(ip("10.0.0.2"));
    expect(after.next(9999)).toBe(ip("10.0.0.3"));
  });

  test("passes over an address that somebody asked for", () => {
    const addresses = pool("10.0.0.0/29");
    addresses.take(ip("10.0.0.2"));
    expect(drain(addresses, 0)).toBe("10.0.0.1 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6");
  });

  test("gives an address at once whose rest is ended", () => {
    const addresses = pool("10.0.0.0/30");
    drain(addresses, 0);
    addresses.release(ip("10.0.0.1"), 0);
    addresses.release(ip("10.0.0.2"), 0);
    expect([addresses.wake(ip("10.0.0.2")), addresses.wake(ip("10.0.0.9"))]).toEqual([true, false]);
    expect(addresses.next(1)).toBe(ip("10.0.0.2"));
  });

  test("never gives an address twice, nor one that rests, whatever happens", () => {
    const random = new Random(7);
    const addresses = pool("10.0.0.0/27");
    const taken = new Set<Ip>();
    const released = new Map<Ip, number>();
    for (let nowMs = 0; nowMs < 20_000; nowMs += random.below(50)) {
      const owned = [...taken];
      const goes = owned[random.below(Math.max(1, owned.length))];
      if (random.below(2) === 0 && goes !== undefined) {
        addresses.release(goes, nowMs);
        taken.delete(goes);
        released.set(goes, nowMs);
        continue;
      }
      const next = addresses.next(nowMs);
      if (next === undefined) {
        expect(taken.size + [...released.values()].filter((at) => at + cooldownMs > nowMs).length).toBe(30);
        continue;
      }
      expect(taken.has(next)).toBe(false);
      expect(nowMs - (released.get(next) ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(cooldownMs);
      addresses.take(next);
      taken.add(next);
      released.delete(next);
    }
  });
});
