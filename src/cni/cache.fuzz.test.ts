// Laws of the result cache: what is saved is read back, and whatever lies in a file is a result or a CniError.

import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { forEachSeedAsync, type Random } from "#test/random.ts";
import {
  type CacheEntry,
  type CacheKey,
  cacheFile,
  formatEntry,
  listEntries,
  readCachedResult,
  readEntry,
  removeEntry,
  saveEntry,
} from "./cache.ts";
import { CniError } from "./error.ts";
import { specVersions } from "./version.ts";

const nameAlphabet = "abcXYZ019_.-";

function anyEntry(random: Random): CacheEntry {
  const result = {
    cniVersion: random.pick(["0.4.0", "1.0.0", "1.1.0"]),
    interfaces: random.list(3, (index) => ({ name: `if${index}`, "x-more": random.text(3) })),
    ips: random.list(2, () => ({ address: `10.0.${random.below(256)}.${random.below(256)}/16` })),
  };
  return {
    network: `n${random.text(random.below(8), nameAlphabet)}`,
    containerId: `c${random.text(random.below(8), nameAlphabet)}`,
    ifname: `e${random.text(random.below(8), nameAlphabet)}`,
    config: random.text(random.below(40), '{}":\n\u{1f600}ü<&'),
    netns: random.pick(["", "/run/netns/x", "/proc/1/ns/net"]),
    cniArgs: random.list(3, () => [random.text(2), random.text(2)]),
    capabilityArgs: Object.fromEntries(random.list(3, () => [random.text(3), random.below(9)])),
    result: random.chance(5) ? undefined : result,
  };
}

async function orCniError<T>(action: Promise<T>): Promise<T | undefined> {
  try {
    return await action;
  } catch (error) {
    if (error instanceof CniError) return undefined;
    throw error;
  }
}

async function withDir(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "twill-cache-fuzz-"));
  try {
    mkdirSync(join(dir, "results"));
    await run(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

test("an entry that was saved is read back, listed once, and gone when removed", async () => {
  await withDir((dir) =>
    forEachSeedAsync(300, async (random) => {
      const entry = anyEntry(random);
      await saveEntry(dir, entry);
      expect(await readEntry(dir, entry)).toEqual({ ...entry, config: wellFormed(entry.config) });
      const { result } = entry;
      if (result !== undefined)
        expect(await readCachedResult(dir, entry, version(result["cniVersion"]))).toEqual(result);
      expect((await listEntries(dir)).length).toBe(1);
      await removeEntry(dir, entry);
      expect(await listEntries(dir)).toEqual([]);
    }),
  );
});

test("a damaged file is a result or a CniError, and can be removed unless it names another attachment", async () => {
  const key: CacheKey = { network: "net", containerId: "c1", ifname: "eth0" };
  await withDir((dir) =>
    forEachSeedAsync(600, async (random) => {
      const text = formatEntry({ ...anyEntry(random), ...key });
      const at = random.below(text.length);
      const damage = random.pick(["", "{", '"', "null", "\0", "[", "9"]);
      writeFileSync(cacheFile(dir, key), text.slice(0, at) + damage + text.slice(at + random.below(20)));
      await orCniError(readCachedResult(dir, key, random.pick(specVersions)));
      await orCniError(readEntry(dir, key));
      await listEntries(dir);
      await removeEntry(dir, key);
    }),
  );
});

/** A lone half of a surrogate pair cannot be written as UTF-8. */
function wellFormed(text: string): string {
  return text.toWellFormed();
}

function version(text: unknown): (typeof specVersions)[number] {
  return specVersions.find((each) => each === text) ?? "1.1.0";
}
