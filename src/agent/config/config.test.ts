// The configuration: what it refuses, in which words, and that the published schema is the one in force.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { configSchema, defaultConfig, parseConfig } from "./config.ts";

describe("parseConfig()", () => {
  test("has a default for everything", () => {
    expect(parseConfig("")).toEqual(defaultConfig);
    expect(parseConfig("fabric:\n")).toEqual(defaultConfig);
    expect(defaultConfig).toMatchObject({ fabric: { mode: "auto" }, addresses: { cooldownSeconds: 30 } });
  });

  test("takes what is set, and leaves the rest", () => {
    const config = parseConfig(
      "fabric: { mode: direct, mtu: 9000 }\nmasquerade: { exclude: [10.0.0.1/8, 'fd00::/8'] }",
    );
    expect<object>(config.fabric).toEqual({ mode: "direct", mtu: 9000 });
    expect<object>(config.masquerade).toEqual({ enabled: true, exclude: ["10.0.0.0/8", "fd00::/8"] });
    expect(config.cni).toEqual(defaultConfig.cni);
  });

  const rows: readonly (readonly [yaml: string, sentence: string])[] = [
    ["fabrik: {}", 'field "fabrik" is unknown: did you mean fabric?'],
    ["fabric: { mtuu: 1500 }", 'field "fabric.mtuu" is unknown: did you mean mtu?'],
    ["fabric: { zzz: 1 }", 'field "fabric.zzz" is unknown: known here are mode, mtu'],
    [
      "fabric: { mode: vxlam }",
      'field "fabric.mode" must be one of auto, direct, vxlan (did you mean vxlan?), found "vxlam"',
    ],
    ["fabric: [1]", 'field "fabric" must be an object, found [1]'],
    ["fabric: { mtu: 1.5 }", 'field "fabric.mtu" must be a whole number from 1280 to 65535, found 1.5'],
    ["masquerade: { enabled: yes please }", 'field "masquerade.enabled" must be true or false, found "yes please"'],
    ["masquerade: { exclude: [ten] }", 'field "masquerade.exclude[0]" must be a block like 10.0.0.0/8, found "ten"'],
    ["masquerade: { exclude: 10.0.0.0/8 }", 'field "masquerade.exclude" must be a list of blocks like 10.0.0.0/8'],
    ["state: { folder: var/lib }", 'field "state.folder" must be an absolute path, found "var/lib"'],
    ["cni: { file: a/b }", 'field "cni.file" must be letters, digits'],
    ["health: { port: 0 }", 'field "health.port" must be a whole number from 1 to 65535, found 0'],
    [
      "programs: { ingressBlock: 32 }",
      'fields "programs.egressBlock" and "programs.ingressBlock" must be two numbers, found 32 in both',
    ],
    [
      "health: { port: 10256 }",
      'fields "services.healthzPort" and "health.port" must be two numbers, found 10256 in both',
    ],
    ["[]", "the configuration must be an object, found []"],
    ["a: b: c", "it is no YAML"],
    ["fabric: { mode: vxl", "it is no YAML"],
    ["fabric:\n  mode: vx", 'field "fabric.mode" must be one of auto, direct, vxlan'],
  ];
  for (const [yaml, sentence] of rows) {
    test(`says of ${JSON.stringify(yaml)}: ${sentence}`, () => {
      expect(() => parseConfig(yaml)).toThrow(sentence);
    });
  }

  test("lets two have the same number of which only one is used", () => {
    expect(parseConfig("{ health: { port: 10256 }, services: { enabled: false } }").health.port).toBe(10_256);
  });

  test("is described by docs/agent.schema.json, as `twill config schema` prints it", () => {
    const file = new URL("../../../docs/agent.schema.json", import.meta.url).pathname;
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(configSchema());
  });
});
