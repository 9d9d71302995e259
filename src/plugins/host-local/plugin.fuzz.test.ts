// Random histories of a pool, with restarts and foreign hands in the folder, agree with a model of a few maps.
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { IpamNode } from "#test/ipam-node.ts";
import { forEachSeedAsync, type Random } from "#test/random.ts";
import { hostLocal } from "./plugin.ts";

/** One pool each, with the last byte of its gateway, first and last address. */
const pools = [
  { prefix: "10.1.0.", length: 28, first: 1, last: 14, conf: { subnet: "10.1.0.0/28" } },
  {
    prefix: "10.2.0.",
    length: 29,
    first: 2,
    last: 4,
    conf: { subnet: "10.2.0.0/29", rangeStart: "10.2.0.2", rangeEnd: "10.2.0.4" },
  },
];
const gateway = 1;
const ipam = { ranges: pools.map(({ conf }) => [conf]) };

class Model {
  readonly files = new Map<string, string>();
  readonly last = new Map<number, number>();

  /** The addresses; undefined when a pool is full. */
  add(owner: string): readonly string[] | undefined {
    const made: string[] = [];
    const given: string[] = [];
    for (const [set, { prefix, length, first, last }] of pools.entries()) {
      const all = Array.from({ length: last - first + 1 }, (_, i) => first + i);
      const held = all.find((n) => this.files.get(prefix + n) === owner);
      const at = all.indexOf(this.last.get(set) ?? -1);
      const order = [...all.slice(at + 1), ...all.slice(0, at + 1)];
      const chosen = held ?? order.find((n) => n !== gateway && !this.files.has(prefix + n));
      if (chosen === undefined) {
        for (const address of made) this.files.delete(address);
        return undefined;
      }
      if (held === undefined) {
        made.push(prefix + chosen);
        this.files.set(prefix + chosen, owner);
        this.last.set(set, chosen);
      }
      given.push(`${prefix}${chosen}/${length}`);
    }
    return given;
  }

  del(owner: string): void {
    for (const [address, holder] of this.files) if (holder === owner) this.files.delete(address);
  }
}

test("ADD, DEL, GC, restarts and foreign changes agree with the model", async () => {
  await forEachSeedAsync(40, async (random) => {
    using node = new IpamNode();
    const model = new Model();
    for (let step = 0; step < 40; step++) await act(random, node, model);
    expect(addressFiles(node)).toEqual(Object.fromEntries([...model.files].sort()));
  });
});

async function act(random: Random, node: IpamNode, model: Model): Promise<void> {
  const containerId = `c${random.below(8)}`;
  const ifname = random.pick(["eth0", "eth1"]);
  const owner = `${containerId}\r\n${ifname}`;
  using restarted = node.restarted();
  const host = random.chance(4) ? restarted : node.host;
  const what = random.below(10);
  if (what < 5) {
    const { addresses, exitCode } = await node.call(hostLocal, { command: "ADD", containerId, ifname, ipam }, host);
    const expected = model.add(owner);
    expect([exitCode, addresses]).toEqual([expected === undefined ? 1 : 0, [...(expected ?? [])]]);
  } else if (what < 8) {
    const { exitCode } = await node.call(hostLocal, { command: "DEL", containerId, ifname }, host);
    expect(exitCode).toBe(0);
    model.del(owner);
  } else if (what === 8) {
    const valid = random.list(8, () => ({ containerID: `c${random.below(8)}`, ifname: random.pick(["eth0", "eth1"]) }));
    await node.call(hostLocal, { command: "GC", cniVersion: "1.1.0", ipam, valid }, host);
    const alive = new Set(valid.map((each) => `${each.containerID}\r\n${each.ifname}`));
    for (const each of model.files.values()) if (!alive.has(each)) model.del(each);
  } else {
    meddle(random, node, model);
  }
}

/** What the reference does to the folder, and what a crash of it leaves. */
function meddle(random: Random, node: IpamNode, model: Model): void {
  mkdirSync(`${node.dataDir}/net`, { recursive: true });
  const { prefix, first, last } = random.pick(pools);
  const address = prefix + random.int(Math.max(first, gateway + 1), last);
  const path = `${node.dataDir}/net/${address}`;
  rmSync(path, { force: true });
  model.files.delete(address);
  const owner = random.pick(["", "foreign\r\neth0"]);
  if (random.bool()) return;
  writeFileSync(path, owner);
  if (owner !== "") model.files.set(address, owner);
}

function addressFiles(node: IpamNode): Record<string, string> {
  const folder = `${node.dataDir}/net`;
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith("10.")) : [];
  const files = names.sort().map((name): [string, string] => [name, readFileSync(`${folder}/${name}`, "utf8")]);
  return Object.fromEntries(files.filter(([, owner]) => owner !== ""));
}
