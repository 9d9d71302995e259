// The choice of an address agrees with a search that tries one candidate after the other.
import { expect, test } from "bun:test";
import { ifAddr } from "#net/cidr.ts";
import { type Ip, ip, ipToBigint, offsetIp } from "#net/ip.ts";
import { forEachSeed, type Random } from "#test/random.ts";
import { chooseAddress } from "./allocator.ts";
import { type RangeSet, rangeSet } from "./range.ts";

function anySet(random: Random): RangeSet {
  const base = random.bool() ? "10.0.0.0/28" : "fd00::/124";
  const ranges = Array.from({ length: random.int(1, 3) }, (_, index) => {
    const network = offsetIp(ip(base.split("/")[0] ?? ""), index * 16);
    const [start, end] = [random.int(1, 14), random.int(1, 14)].sort((a, b) => a - b);
    return {
      subnet: ifAddr(`${network}/${base.split("/")[1]}`),
      rangeStart: offsetIp(network, start ?? 1),
      rangeEnd: offsetIp(network, end ?? 1),
      gateway: offsetIp(network, random.int(1, 14)),
    };
  });
  return rangeSet(ranges, "test");
}

/** All addresses in order, gateways too; then turned so that the one after `last` comes first. */
function naive(set: RangeSet, last: Ip | undefined, taken: ReadonlySet<bigint>): Ip | undefined {
  const all = set.flatMap(({ first, last: end, gateway }) =>
    Array.from({ length: Number(end - first) + 1 }, (_, i) => ({ n: first + BigInt(i), gateway })),
  );
  const at = last === undefined ? -1 : all.findIndex(({ n }) => n === ipToBigint(last));
  const turned = [...all.slice(at + 1), ...all.slice(0, at + 1)];
  const found = turned.find(({ n, gateway }) => n !== gateway && !taken.has(n));
  return found === undefined ? undefined : offsetIp(set[0].family === "ipv4" ? ip("0.0.0.0") : ip("::"), found.n);
}

test("chooseAddress() finds what a search one by one finds", () => {
  forEachSeed(500, (random) => {
    const set = anySet(random);
    const [{ family, first }] = set;
    const zero = ip(family === "ipv4" ? "0.0.0.0" : "::");
    const any = () => first - 2n + BigInt(random.int(0, 50));
    const taken = new Set(random.list(40, any));
    const last = random.maybe(() => offsetIp(zero, any()));
    expect(chooseAddress(set, last, (n) => taken.has(n))?.address).toBe(naive(set, last, taken) as Ip);
  });
});

test("chooseAddress() takes no time for the size of a range", () => {
  const set = rangeSet([{ subnet: ifAddr("fd00::/64") }], "test");
  const last = ip("fd00::ffff:ffff:ffff:fffe");
  expect(chooseAddress(set, last, () => false)?.address).toBe(ip("fd00::ffff:ffff:ffff:ffff"));
  const end = ip("fd00::ffff:ffff:ffff:ffff");
  expect(chooseAddress(set, end, () => false)?.address).toBe(ip("fd00::2"));
});
