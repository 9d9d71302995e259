// What configuration lists may say, and the sentence for each thing they may not.

import { describe, expect, test } from "bun:test";
import { parseNetworkList, parsePluginConf, parseSingleConf } from "./conflist.ts";
import { CniError } from "./error.ts";
import type { Json } from "./json.ts";

const plugin = { type: "bridge" };

function parse(conf: Json) {
  return parseNetworkList(JSON.stringify(conf), "a.conflist");
}

function failureOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof CniError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "no error";
}

describe("parseNetworkList()", () => {
  test("reads a list and keeps each plugin's object as it was written", () => {
    const text = `{"cniVersion":"1.0.0","name":"net","plugins":[{"z":1,"type":"bridge","isGateway":true,"a":{"y":[1,null]}},
      {"type":"portmap","capabilities":{"portMappings":true,"other":false}}],"unknown":7}`;
    const network = parseNetworkList(text, "a.conflist");
    expect(network).toMatchObject({
      name: "net",
      cniVersion: "1.0.0",
      disableCheck: false,
      disableGC: false,
      loadOnlyInlinedPlugins: false,
      text,
    });
    expect(network.plugins.map(({ type, capabilities }) => [type, capabilities])).toEqual([
      ["bridge", []],
      ["portmap", ["portMappings"]],
    ]);
    expect(JSON.stringify(network.plugins[0]?.config)).toBe(
      `{"z":1,"type":"bridge","isGateway":true,"a":{"y":[1,null]}}`,
    );
  });

  test.each([
    [undefined, undefined, "0.1.0"],
    ["", undefined, "0.1.0"],
    ["0.4.0", undefined, "0.4.0"],
    ["0.4.0", [], "0.4.0"],
    ["0.3.1", ["1.0.0", "0.4.0"], "1.0.0"],
    ["1.1.0", ["1.0.0", "0.4.0"], "1.1.0"],
    [undefined, ["0.4.0", "1.1.0", "1.0.0"], "1.1.0"],
    ["1.0.0", ["1.2.0", "9.0"], "1.0.0"],
    ["2.0.0", ["1.0.0"], "1.0.0"],
  ])("takes of cniVersion %j and cniVersions %j the newest it knows: %s", (cniVersion, cniVersions, expected) => {
    const network = parse({
      name: "net",
      plugins: [plugin],
      ...(cniVersion === undefined ? {} : { cniVersion }),
      ...(cniVersions === undefined ? {} : { cniVersions }),
    });
    expect(network.cniVersion).toBe(expected as typeof network.cniVersion);
  });

  test.each([
    [true, true],
    [false, false],
    ["true", true],
    ["False", false],
    [null, false],
  ])("reads the switch %j as %p", (written, expected) => {
    const network = parse({ name: "n", plugins: [plugin], disableCheck: written, disableGC: written });
    expect([network.disableCheck, network.disableGC]).toEqual([expected, expected]);
  });

  test("leaves plugins to the folder when the list has none", () => {
    expect(parse({ name: "n" }).plugins).toEqual([]);
  });

  test.each<[Json, string]>([
    [[], "7 a.conflist: the input must be an object, found a list"],
    [{ plugins: [plugin] }, '7 a.conflist: field "name" is missing: it must be a string'],
    [{ name: 3, plugins: [plugin] }, '7 a.conflist: field "name" must be a string, found 3'],
    [
      { name: "../x", plugins: [plugin] },
      '7 a.conflist: field "name" must start with a letter or digit and go on with letters, digits, underscores, dots and hyphens, found "../x"',
    ],
    [{ name: "n", plugins: [] }, '7 a.conflist: field "plugins" is an empty list: list at least one plugin'],
    [{ name: "n", plugins: {} }, '7 a.conflist: field "plugins" must be a list, found an object'],
    [{ name: "n", plugins: ["x"] }, '7 a.conflist: field "plugins[0]" must be an object, found "x"'],
    [
      { name: "n", loadOnlyInlinedPlugins: true },
      '7 a.conflist: field "plugins" is missing, and "loadOnlyInlinedPlugins" is true: list the plugins',
    ],
    [{ name: "n", plugins: [plugin, {}] }, `7 a.conflist: plugins[1]: field "type" is missing: it must be a string`],
    [
      { name: "n", plugins: [{ type: "a/b" }] },
      `7 a.conflist: plugins[0]: field "type" must be an executable's name, without a slash, found "a/b"`,
    ],
    [
      { name: "n", plugins: [{ type: "x", capabilities: { mac: "yes" } }] },
      '7 a.conflist: plugins[0]: field "capabilities.mac" must be true or false, found "yes"',
    ],
    [
      { name: "n", plugins: [plugin], disableCheck: "maybe" },
      '7 a.conflist: field "disableCheck" must be true or false, found "maybe"',
    ],
    [
      { name: "n", plugins: [plugin], cniVersions: ["one"] },
      '7 a.conflist: field "cniVersions" must hold versions like 1.1.0, found "one"',
    ],
    [
      { name: "n", plugins: [plugin], cniVersion: "v1" },
      '7 a.conflist: field "cniVersion" must hold versions like 1.1.0, found "v1"',
    ],
    [
      { name: "n", plugins: [plugin], cniVersion: "1.2.0" },
      "1 a.conflist: cniVersion is 1.2.0, known are 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0",
    ],
  ])("refuses %j", (conf, expected) => {
    expect(failureOf(() => parse(conf))).toBe(expected);
  });

  test("refuses what is not JSON", () => {
    expect(failureOf(() => parseNetworkList("", "a.conflist"))).toBe("6 a.conflist is not JSON: it is empty");
    expect(failureOf(() => parseNetworkList("{", "a.conflist"))).toStartWith("6 a.conflist is not JSON: ");
  });
});

test("parseSingleConf() turns one plugin's configuration into a list of one", () => {
  const network = parseSingleConf('{"name":"old","cniVersion":"0.3.1","type":"bridge","x":1}', "a.conf");
  expect(network).toMatchObject({ name: "old", cniVersion: "0.3.1", loadOnlyInlinedPlugins: true });
  expect(network.plugins.map(({ type }) => type)).toEqual(["bridge"]);
  const again = parseNetworkList(network.text, "text");
  expect(again.plugins).toEqual(network.plugins);
  expect(failureOf(() => parseSingleConf('{"type":"bridge"}', "a.conf"))).toBe(
    '7 a.conf: field "name" is missing: it must be a string',
  );
  expect(failureOf(() => parseSingleConf('{"name":"old"}', "a.conf"))).toBe(
    '7 a.conf: field "type" is missing: it must be a string',
  );
});

test("parsePluginConf() wants a type", () => {
  expect(parsePluginConf('{"type":"tuning"}', "x.conf").type).toBe("tuning");
  expect(failureOf(() => parsePluginConf('{"type":""}', "x.conf"))).toBe(
    `7 x.conf: field "type" must be an executable's name, without a slash, found ""`,
  );
});
