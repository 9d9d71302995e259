// Laws of configuration lists under random input: a list or a CniError, and nothing lost on the way to stdin.

import { describe, expect, test } from "bun:test";
import { forEachSeed, type Random } from "#test/random.ts";
import { type NetworkList, parseNetworkList, parsePluginConf, parseSingleConf } from "./conflist.ts";
import { CniError } from "./error.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import { pluginStdin } from "./runtime.ts";

const keys = [
  ..."name cniVersion cniVersions disableCheck disableGC loadOnlyInlinedPlugins plugins type capabilities".split(" "),
  ..."runtimeConfig prevResult NAME Type __proto__ constructor toString 0 ü".split(" "),
  "",
];
const texts = ["", "net", "bridge", "1.1.0", "0.4.0", "2.0", "v1", "true", "../x", "\0", "\ud800", "a".repeat(300)];

function anyJson(random: Random, depth: number): Json {
  const kind = random.below(depth > 0 ? 7 : 5);
  if (kind === 0) return null;
  if (kind === 1) return random.bool();
  if (kind === 2) return random.pick([0, -1, 1.5, 1e21, -0, Number.MAX_SAFE_INTEGER]);
  if (kind <= 4) return random.pick(texts);
  if (kind === 5) return random.list(4, () => anyJson(random, depth - 1));
  return Object.fromEntries(random.list(5, () => [random.pick(keys), anyJson(random, depth - 1)]));
}

/** Mostly right, so that the later checks are reached too. */
function anyList(random: Random): JsonObject {
  const right: JsonObject = {
    cniVersion: random.pick(["1.1.0", "1.0.0", "0.4.0", "0.2.0", ""]),
    name: "net",
    plugins: [{ ...anyObject(random), type: "main" }, ...random.list(2, () => ({ ...anyObject(random), type: "x" }))],
  };
  return random.chance(3) ? { ...right, ...anyObject(random) } : right;
}

function anyObject(random: Random): JsonObject {
  const json = anyJson(random, 3);
  return isJsonObject(json) ? json : {};
}

function orCniError<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    expect(error.message).toContain("some file");
    expect(error.message).not.toContain("\n");
    return undefined;
  }
}

describe("whatever the JSON", () => {
  test("parsing gives a usable list or a CniError that names the file", () => {
    let parsed = 0;
    forEachSeed(3000, (random) => {
      const text = JSON.stringify(random.chance(4) ? anyJson(random, 4) : anyList(random));
      for (const parse of [parseNetworkList, parseSingleConf]) {
        const network = orCniError(() => parse(text, "some file"));
        if (network === undefined) continue;
        parsed++;
        for (const plugin of network.plugins) checkStdin(network, plugin);
        expect(parseNetworkList(network.text, "some file").plugins).toEqual(network.plugins);
      }
      orCniError(() => parsePluginConf(text, "some file"));
    });
    expect(parsed).toBeGreaterThan(500);
  });

  test("damaged text gives a CniError or still a list", () => {
    forEachSeed(2000, (random) => {
      const text = JSON.stringify(anyList(random));
      const at = random.below(text.length);
      const damaged =
        text.slice(0, at) + random.pick(["", "{", '"', "\\", "\0", "9"]) + text.slice(at + random.below(3));
      orCniError(() => parseNetworkList(damaged, "some file"));
    });
  });

  test("depth is no way to bring it down", () => {
    for (const depth of [100, 10_000, 500_000]) {
      const deep = `${'{"a":['.repeat(depth)}${"]}".repeat(depth)}`;
      const text = `{"name":"net","plugins":[{"type":"x","deep":${deep}}]}`;
      const network = orCniError(() => parseNetworkList(text, "some file"));
      const plugin = network?.plugins[0];
      if (network === undefined || plugin === undefined) continue;
      try {
        pluginStdin(plugin, { name: network.name, cniVersion: network.cniVersion });
      } catch (error) {
        if (!(error instanceof CniError)) throw error;
      }
    }
  });
});

/** All that was written is still there, apart from what the runtime sets and other spellings of it. */
function checkStdin(network: NetworkList, plugin: NetworkList["plugins"][number]): void {
  const { name, cniVersion } = network;
  const stdin: JsonObject = JSON.parse(pluginStdin(plugin, { name, cniVersion }, { x: 1 }));
  expect(stdin["name"]).toBe(name);
  expect(stdin["cniVersion"]).toBe(cniVersion);
  const kept = Object.keys(plugin.config).filter((key) => !/^(name|cniversion)$/i.test(key));
  expect(Object.keys(stdin).filter((key) => !/^(name|cniversion)$/i.test(key))).toEqual(kept);
  for (const key of kept) expect(stdin[key]).toEqual(plugin.config[key] ?? null);
}
