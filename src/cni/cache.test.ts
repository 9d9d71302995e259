// The result cache's files, byte by byte, and what becomes of the ones that libcni wrote, old ones and broken ones.

import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failureOf } from "#test/recording-chain.ts";
import {
  type CacheEntry,
  type CacheKey,
  cacheFile,
  listEntries,
  readCachedResult,
  readEntry,
  removeEntry,
  saveEntry,
} from "./cache.ts";
import type { Json } from "./json.ts";

class CacheDir {
  readonly path = mkdtempSync(join(tmpdir(), "twill-cache-"));

  /** Puts a file where the key's is expected. */
  write(key: CacheKey, content: Json): void {
    mkdirSync(join(this.path, "results"), { recursive: true });
    writeFileSync(cacheFile(this.path, key), typeof content === "string" ? content : JSON.stringify(content));
  }

  names(): readonly string[] {
    return readdirSync(join(this.path, "results")).sort();
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

const key: CacheKey = { network: "net", containerId: "c1", ifname: "eth0" };
const result = { cniVersion: "1.0.0", ips: [{ address: "10.1.2.3/24" }], "x-extra": 1 };
const entry: CacheEntry = {
  ...key,
  config: '{"name":"net"}',
  netns: "/run/netns/c1",
  cniArgs: [
    ["IgnoreUnknown", "1"],
    ["K8S_POD_NAME", "web-0"],
  ],
  capabilityArgs: { portMappings: [{ hostPort: 80, containerPort: 8080 }] },
  result,
};

describe("saveEntry()", () => {
  test("writes libcni's fields in libcni's order", async () => {
    using dir = new CacheDir();
    await saveEntry(dir.path, entry);
    expect(dir.names()).toEqual(["net-c1-eth0"]);
    expect(readFileSync(join(dir.path, "results/net-c1-eth0"), "utf8")).toBe(
      '{"kind":"cniCacheV1","containerId":"c1","config":"eyJuYW1lIjoibmV0In0=","ifName":"eth0","networkName":"net",' +
        '"netns":"/run/netns/c1","cniArgs":[["IgnoreUnknown","1"],["K8S_POD_NAME","web-0"]],' +
        '"capabilityArgs":{"portMappings":[{"hostPort":80,"containerPort":8080}]},' +
        '"result":{"cniVersion":"1.0.0","ips":[{"address":"10.1.2.3/24"}],"x-extra":1}}',
    );
  });

  test("leaves empty fields out", async () => {
    using dir = new CacheDir();
    await saveEntry(dir.path, { ...entry, netns: "", cniArgs: [], capabilityArgs: {}, result: undefined });
    expect(readFileSync(join(dir.path, "results/net-c1-eth0"), "utf8")).toBe(
      '{"kind":"cniCacheV1","containerId":"c1","config":"eyJuYW1lIjoibmV0In0=","ifName":"eth0","networkName":"net"}',
    );
  });

  test("keeps folder and file to root", async () => {
    using dir = new CacheDir();
    await saveEntry(dir.path, entry);
    expect(statSync(join(dir.path, "results")).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir.path, "results/net-c1-eth0")).mode & 0o777).toBe(0o600);
  });

  test("replaces, and leaves no temporary file, not even when it fails", async () => {
    using dir = new CacheDir();
    await saveEntry(dir.path, { ...entry, netns: "/old" });
    await saveEntry(dir.path, entry);
    expect(dir.names()).toEqual(["net-c1-eth0"]);
    mkdirSync(join(dir.path, "results/net-c2-eth0/full"), { recursive: true });
    expect(await failureOf(saveEntry(dir.path, { ...entry, containerId: "c2" }))).toStartWith(
      `5 Cannot write the cached result ${dir.path}/results/net-c2-eth0: E`,
    );
    expect(dir.names()).toEqual(["net-c1-eth0", "net-c2-eth0"]);
  });

  test("says which file it cannot write", async () => {
    using dir = new CacheDir();
    writeFileSync(join(dir.path, "results"), "no folder");
    expect(await failureOf(saveEntry(dir.path, entry))).toStartWith(
      `5 Cannot write the cached result ${dir.path}/results/net-c1-eth0: E`,
    );
  });

  test.each([
    [{ ...key, network: "a/b" }, 7],
    [{ ...key, containerId: "../c" }, 4],
    [{ ...key, containerId: "" }, 3],
    [{ ...key, ifname: "../../etc" }, 4],
  ])("refuses a key that would leave the folder: %j", (bad, code) => {
    expect(() => cacheFile("/var/lib/cni", bad)).toThrow(expect.objectContaining({ code }));
  });
});

describe("readCachedResult()", () => {
  test("gives back what was saved, unknown fields too", async () => {
    using dir = new CacheDir();
    await saveEntry(dir.path, entry);
    expect(await readCachedResult(dir.path, key, "1.0.0")).toEqual(result);
    expect(await readEntry(dir.path, key)).toEqual(entry);
  });

  test("converts to the version the configuration has now", async () => {
    using dir = new CacheDir();
    await saveEntry(dir.path, entry);
    expect(await readCachedResult(dir.path, key, "0.4.0")).toEqual({
      cniVersion: "0.4.0",
      ips: [{ version: "4", address: "10.1.2.3/24" }],
      dns: {},
    });
    expect(await readCachedResult(dir.path, key, "0.2.0")).toEqual({
      cniVersion: "0.2.0",
      ip4: { ip: "10.1.2.3/24" },
      dns: {},
    });
  });

  test("knows nothing of an attachment without a file", async () => {
    using dir = new CacheDir();
    expect(await readCachedResult(dir.path, key, "1.0.0")).toBeUndefined();
    expect(await readEntry(dir.path, key)).toBeUndefined();
  });

  test("reads the bare result of an old libcni", async () => {
    using dir = new CacheDir();
    dir.write(key, { cniVersion: "0.3.1", ips: [{ version: "4", address: "10.0.0.2/8" }], dns: {} });
    expect(await readCachedResult(dir.path, key, "1.0.0")).toEqual({
      cniVersion: "1.0.0",
      ips: [{ address: "10.0.0.2/8" }],
    });
    dir.write(key, { ip4: { ip: "10.0.0.2/8" } });
    expect(await readCachedResult(dir.path, key, "1.0.0")).toEqual({
      cniVersion: "1.0.0",
      ips: [{ address: "10.0.0.2/8" }],
    });
    expect(await readEntry(dir.path, key)).toBeUndefined();
  });

  test.each<[Json, number]>([
    ["", 6],
    ['{"kind":"cniCacheV1","result":{', 6],
    ["[]", 6],
    ["7", 6],
    [{ kind: "cniCacheV1", networkName: "net", containerId: "c1", ifName: "eth0", result: [] }, 7],
    [{ kind: "cniCacheV1", networkName: "net", containerId: "c1", ifName: "eth0", result: { cniVersion: "7.0" } }, 1],
    [{ kind: "cniCacheV1", networkName: 1 }, 7],
    [{ cniVersion: "1.0.0", ips: [{ address: "nowhere" }] }, 7],
  ])("refuses the content %j", async (content, code) => {
    using dir = new CacheDir();
    dir.write(key, content);
    expect(await failureOf(readCachedResult(dir.path, key, "1.0.0"))).toStartWith(`${code} `);
    expect(await failureOf(readCachedResult(dir.path, key, "1.0.0"))).toContain(`${dir.path}/results/net-c1-eth0`);
  });

  test("does not take another attachment for its own where hyphens make their names one", async () => {
    using dir = new CacheDir();
    const other = { ...key, network: "net-c1", containerId: "x", ifname: "eth0" };
    const own = { ...key, network: "net", containerId: "c1-x", ifname: "eth0" };
    expect(cacheFile(dir.path, other)).toBe(cacheFile(dir.path, own));
    await saveEntry(dir.path, { ...entry, ...other });
    expect(await readCachedResult(dir.path, own, "1.0.0")).toBeUndefined();
    await removeEntry(dir.path, own);
    expect(await readCachedResult(dir.path, other, "1.0.0")).toEqual(result);
  });
});

describe("removeEntry()", () => {
  test("removes a file, a broken one too, and is content without one", async () => {
    using dir = new CacheDir();
    await saveEntry(dir.path, entry);
    await removeEntry(dir.path, key);
    expect(dir.names()).toEqual([]);
    dir.write(key, "{");
    await removeEntry(dir.path, key);
    await removeEntry(dir.path, key);
    expect(dir.names()).toEqual([]);
  });
});

describe("listEntries()", () => {
  test("passes over what is no entry", async () => {
    using dir = new CacheDir();
    expect(await listEntries(dir.path)).toEqual([]);
    await saveEntry(dir.path, { ...entry, containerId: "c2" });
    await saveEntry(dir.path, entry);
    writeFileSync(join(dir.path, "results/.twill-1-1"), readFileSync(join(dir.path, "results/net-c1-eth0")));
    dir.write({ ...key, containerId: "old" }, { cniVersion: "0.3.1" });
    dir.write({ ...key, containerId: "broken" }, "{");
    dir.write({ ...key, containerId: "nameless" }, { kind: "cniCacheV1", containerId: "nameless" });
    mkdirSync(join(dir.path, "results/folder"));
    expect((await listEntries(dir.path)).map(({ containerId }) => containerId)).toEqual(["c1", "c2"]);
  });

  test("says which folder it cannot read", async () => {
    using dir = new CacheDir();
    writeFileSync(join(dir.path, "results"), "no folder");
    expect(await failureOf(listEntries(dir.path))).toStartWith(
      `5 Cannot list the cached results in ${dir.path}/results: ENOTDIR`,
    );
  });
});
