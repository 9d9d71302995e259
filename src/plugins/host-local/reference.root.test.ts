// The same random calls give the same answers and the same files here and in the reference plugin, on folders apart and on
// one that both use in turn.
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "#cni/json.ts";
import { type IpamAnswer, type IpamCall, IpamNode } from "#test/ipam-node.ts";
import { referencePlugins } from "#test/peers/reference-plugins.ts";
import { forEachSeedAsync, type Random } from "#test/random.ts";
import { hostLocal } from "./plugin.ts";

/**
 * Where we differ on purpose. The random calls below reach the first two; the others would make the folders differ, or are
 * tested elsewhere.
 */
const intended = {
  repeatedAdd: "the reference refuses a second ADD of an attachment, we give it its own addresses again",
  emptyDns: "the reference prints an empty dns at 1.0.0 and later",
  repeatedAddWithRequest: "the reference refuses the address that the attachment has already, we give it again",
  failedRepeat: "a failing second ADD releases the first one's addresses in the reference, not here",
  emptyFiles: "what a crash left is a taken address for ever in the reference, we free it",
  changedRanges: "DEL with ranges that make no sense fails in the reference, we release",
  fileMode: "address files are 0644 in the package's old version, 0600 in newer ones and here",
} as const;

const confs: readonly JsonObject[] = [
  { subnet: "10.1.0.0/29" },
  { subnet: "10.1.0.0/28", rangeStart: "10.1.0.3", rangeEnd: "10.1.0.8", gateway: "10.1.0.5" },
  { ranges: [[{ subnet: "10.1.0.0/29", gateway: "10.1.0.6" }, { subnet: "10.2.0.0/30" }]] },
  {
    ranges: [[{ subnet: "10.1.0.0/28" }], [{ subnet: "fd00::/125" }]],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
  },
  { ranges: [[{ subnet: "fd00::/64", rangeStart: "fd00::ffff:fffe" }], [{ subnet: "10.1.0.0/29" }]] },
];

const versions = ["0.2.0", "0.3.1", "0.4.0", "1.0.0"];

/** An address that some configuration may give, refuse, or not know. */
function anyRequest(random: Random): Pick<IpamCall, "args" | "conf"> {
  const address = random.pick([
    `10.1.0.${random.int(0, 15)}`,
    `10.2.0.${random.int(0, 3)}`,
    `fd00::${random.int(0, 8)}`,
  ]);
  return random.pick([
    { args: `IgnoreUnknown=1;IP=${address}` },
    { conf: { args: { cni: { ips: [address] } } } },
    { conf: { runtimeConfig: { ips: [`${address}/24`] } } },
  ]);
}

test("host-local and the reference agree on random calls", async () => {
  const reference = join(referencePlugins(), "host-local");
  let repeats = 0;
  let failures = 0;
  await forEachSeedAsync(25, async (random) => {
    using node = new IpamNode();
    const dirs = { ours: join(node.dir, "ours"), theirs: join(node.dir, "theirs"), shared: join(node.dir, "shared") };
    for (const dir of Object.values(dirs)) mkdirSync(dir);
    const holders = new Set<string>();
    const ipam = random.pick(confs);
    const cniVersion = random.pick(versions);
    for (let step = 0; step < 25; step++) {
      const who = { containerId: `c${random.below(6)}`, ifname: random.pick(["eth0", "net1"]) };
      const owner = `${who.containerId} ${who.ifname}`;
      const adds = random.below(5) < 3;
      const repeated = adds && holders.has(owner);
      const request = adds && !repeated && random.chance(3) ? anyRequest(random) : {};
      const call = { command: adds ? "ADD" : "DEL", ...who, ...request, cniVersion };
      const here = (dir: string) => node.call(hostLocal, { ...call, ipam: { ...ipam, dataDir: dir } });
      const there = (dir: string) => node.exec(reference, { ...call, ipam: { ...ipam, dataDir: dir } });
      const [ours, theirs] = [await here(dirs.ours), there(dirs.theirs)];
      const either = random.bool() ? await here(dirs.shared) : there(dirs.shared);
      if (repeated) {
        repeats++;
        expect([intended.repeatedAdd, theirs.msg]).toEqual([
          intended.repeatedAdd,
          expect.stringContaining("duplicate"),
        ]);
        expect(ours.exitCode).toBe(0);
      } else {
        expect(comparable(ours)).toEqual(comparable(theirs));
        expect(comparable(either)).toEqual(comparable(theirs));
      }
      if (adds && ours.exitCode === 0) holders.add(owner);
      else if (!adds) holders.delete(owner);
      else failures++;
      expect(filesOf(dirs.ours)).toEqual(filesOf(dirs.theirs));
      expect(filesOf(dirs.shared)).toEqual(filesOf(dirs.theirs));
    }
  });
  // The histories must have been eventful.
  expect(repeats).toBeGreaterThan(20);
  expect(failures).toBeGreaterThan(20);
}, 300_000);

function comparable({ exitCode, code, json }: IpamAnswer) {
  const { dns, ...result } = (json ?? {}) as JsonObject;
  // The words of an error are ours; that there is one, and its code, are not.
  return exitCode === 0 ? { ...result, dns: dns ?? {} } : { exitCode, code };
}

function filesOf(dir: string): Record<string, string> {
  // The reference makes the folder for a DEL too.
  const names = existsSync(join(dir, "net")) ? readdirSync(join(dir, "net")).sort() : ["lock"];
  if (names.length === 1) return { lock: "" };
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(dir, "net", name), "utf8")]));
}
