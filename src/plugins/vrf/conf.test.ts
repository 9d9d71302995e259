// Configurations of vrf, and the search for a table.
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import type { Call } from "#cni/plugin.ts";
import { cniErrorOf } from "#test/thrown.ts";
import { readConf } from "./conf.ts";
import { firstFree } from "./domain.ts";

function read(config: JsonObject) {
  const call: Call = {
    ...{ command: "ADD", containerId: "c", netns: "/n", ifname: "eth0", cniArgs: "", path: [], env: new Map() },
    ...{ stdin: "", config, network: "n", type: "vrf", cniVersion: "1.1.0" },
    ...{ prevResult: undefined, validAttachments: undefined },
  };
  return readConf(call);
}

describe("readConf()", () => {
  test("takes a name, and a table", () => {
    expect(read({ vrfname: "blue" })).toEqual({ vrfname: "blue", table: 0 });
    expect(read({ VrfName: "blue", table: 4294967295 })).toEqual({ vrfname: "blue", table: 4294967295 });
  });

  const refused: readonly (readonly [JsonObject, string])[] = [
    [{}, '"vrfname" is missing'],
    [{ vrfname: "" }, '"vrfname"'],
    [{ vrfname: "sixteen-letters-" }, '"vrfname"'],
    [{ vrfname: "a/b" }, '"vrfname"'],
    [{ vrfname: "blue", table: -1 }, '"table"'],
    [{ vrfname: "blue", table: 4294967296 }, '"table"'],
  ];
  for (const [config, message] of refused) {
    test(`refuses ${JSON.stringify(config)}`, () => {
      expect(cniErrorOf(() => read(config)).message).toContain(message);
    });
  }
});

test("firstFree() starts at 1 and leaves no gap", () => {
  expect(firstFree(new Set())).toBe(1);
  expect(firstFree(new Set([1, 2, 4, 254]))).toBe(3);
});
