// Which file of a folder describes a network: libcni's rule by name, the container runtimes' rule for the default one.

import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { failureOf } from "#test/recording-chain.ts";
import { loadDefaultNetwork, loadNetworkByName, loadNetworkFile } from "./lookup.ts";

type Files = Readonly<Record<string, string>>;

class ConfDir {
  readonly path = mkdtempSync(join(tmpdir(), "twill-confdir-"));

  constructor(files: Files) {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.path, name)), { recursive: true });
      writeFileSync(join(this.path, name), text);
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

function listOf(name: string, type: string, more: object = {}): string {
  return JSON.stringify({ cniVersion: "1.0.0", name, plugins: [{ type }], ...more });
}

function single(name: string, type: string): string {
  return JSON.stringify({ cniVersion: "0.4.0", name, type });
}

describe("loadNetworkByName()", () => {
  test.each<[string, Files, string]>([
    ["the first list in lexical order", { "20.conflist": listOf("n", "b"), "10.conflist": listOf("n", "a") }, "a"],
    ["a list before a single file", { "20.conflist": listOf("n", "a"), "10.conf": single("n", "b") }, "a"],
    ["a single file of either extension", { "20.conf": single("n", "b"), "10.json": single("n", "a") }, "a"],
    ["a hidden list", { ".conflist": listOf("n", "a") }, "a"],
    [
      "no folder and no other extension",
      { "1.conflist/x": "", "2.txt": "", "3.conflist~": "", "4.conflist": listOf("n", "a") },
      "a",
    ],
  ])("takes %s", async (_, files, type) => {
    using dir = new ConfDir({ ...files, "15.conflist": listOf("other", "c") });
    const network = await loadNetworkByName(dir.path, "n");
    expect(network.plugins.map((plugin) => plugin.type)).toEqual([type]);
  });

  test("stops at a malformed file on the way", async () => {
    using dir = new ConfDir({ "1.conflist": "{}", "2.conflist": listOf("n", "a") });
    expect(await failureOf(loadNetworkByName(dir.path, "n"))).toBe(
      `7 ${dir.path}/1.conflist: field "name" is missing: it must be a string`,
    );
  });

  test("does not look at files after the one it found", async () => {
    using dir = new ConfDir({ "1.conflist": listOf("n", "a"), "2.conflist": "{}", "0.conf": "{}" });
    expect((await loadNetworkByName(dir.path, "n")).name).toBe("n");
  });

  test("tells an empty or missing folder from a missing name", async () => {
    using dir = new ConfDir({ "none/readme": "" });
    for (const path of [join(dir.path, "none"), join(dir.path, "missing")]) {
      expect(await failureOf(loadNetworkByName(path, "n"))).toBe(
        `7 no network configurations found in ${path}: put a .conflist file there, or name another folder`,
      );
    }
    writeFileSync(join(dir.path, "1.conflist"), listOf("other", "a"));
    expect(await failureOf(loadNetworkByName(dir.path, "n"))).toBe(
      `7 no network configuration with name "n" in ${dir.path}: looked at 1.conflist`,
    );
  });

  test("appends the plugins of the network's folder unless told not to", async () => {
    using dir = new ConfDir({
      "1.conflist": listOf("n", "inlined"),
      "2.conflist": listOf("only", "inlined", { loadOnlyInlinedPlugins: true }),
      "3.conflist": JSON.stringify({ name: "bare" }),
      "4.conflist": JSON.stringify({ name: "empty" }),
      "n/20.conf": '{"type":"second","x":1}',
      "n/10.conf": '{"type":"first"}',
      "n/30.conflist": "ignored",
      "only/10.conf": '{"type":"first"}',
      "bare/10.conf": '{"type":"alone"}',
    });
    const types = async (name: string) => (await loadNetworkByName(dir.path, name)).plugins.map(({ type }) => type);
    expect(await types("n")).toEqual(["inlined", "first", "second"]);
    expect(await types("only")).toEqual(["inlined"]);
    expect(await types("bare")).toEqual(["alone"]);
    expect(await failureOf(types("empty"))).toBe(
      `7 ${dir.path}/4.conflist: no plugin configs found: neither in field "plugins" nor as *.conf in ${dir.path}/empty`,
    );
    writeFileSync(join(dir.path, "n/10.conf"), "{}");
    expect(await failureOf(types("n"))).toBe(`7 ${dir.path}/n/10.conf: field "type" is missing: it must be a string`);
  });
});

describe("loadDefaultNetwork()", () => {
  test("takes the first file of all three extensions in one order", async () => {
    using dir = new ConfDir({
      "30.conflist": listOf("c", "x"),
      "10.json": single("a", "x"),
      "20.conf": single("b", "x"),
    });
    const { network, file, skipped } = await loadDefaultNetwork(dir.path);
    expect([network.name, file, skipped.length]).toEqual(["a", join(dir.path, "10.json"), 0]);
  });

  test("passes over unusable files and says why", async () => {
    using dir = new ConfDir({ "10.conflist": "nonsense", "20.conf": single("b", "x"), "30.conflist": "{}" });
    const { network, skipped } = await loadDefaultNetwork(dir.path);
    expect(network.name).toBe("b");
    expect(skipped.map(({ code }) => code)).toEqual([6]);
    rmSync(join(dir.path, "20.conf"));
    expect(await failureOf(loadDefaultNetwork(dir.path))).toStartWith(
      `7 no usable network configuration in ${dir.path}: ${dir.path}/10.conflist is not JSON`,
    );
  });

  test("says that a folder has none", async () => {
    using dir = new ConfDir({});
    expect(await failureOf(loadDefaultNetwork(dir.path))).toStartWith("7 no network configurations found in ");
  });
});

describe("loadNetworkFile()", () => {
  test("refuses a file above 2 MiB, and reads one of just 2 MiB", async () => {
    const text = listOf("n", "a");
    using dir = new ConfDir({
      "1.conflist": text.padEnd(2 * 1024 * 1024),
      "2.conflist": text.padEnd(2 * 1024 * 1024 + 1),
    });
    expect((await loadNetworkFile(join(dir.path, "1.conflist"))).name).toBe("n");
    expect(await failureOf(loadNetworkFile(join(dir.path, "2.conflist")))).toBe(
      `5 ${dir.path}/2.conflist has 2097153 bytes, a network configuration at most 2097152: is it the right file?`,
    );
  });

  test("follows links, as mounted ConfigMaps need, and names one that leads nowhere", async () => {
    using dir = new ConfDir({ "data/x": listOf("n", "a") });
    symlinkSync(join(dir.path, "data/x"), join(dir.path, "1.conflist"));
    expect((await loadNetworkByName(dir.path, "n")).name).toBe("n");
    rmSync(join(dir.path, "data/x"));
    expect(await failureOf(loadNetworkByName(dir.path, "n"))).toStartWith(
      `5 Cannot read ${dir.path}/1.conflist: ENOENT`,
    );
  });

  test("does not wait for a pipe", async () => {
    using dir = new ConfDir({});
    execFileSync("mkfifo", [join(dir.path, "1.conflist")]);
    expect(await failureOf(loadNetworkByName(dir.path, "n"))).toBe(
      `5 ${dir.path}/1.conflist is not a regular file: move it out of the folder`,
    );
  });
});
