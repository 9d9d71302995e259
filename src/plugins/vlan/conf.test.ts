// The vlan plugin's configuration: what is taken and what is refused.
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import { testCall } from "#test/call.ts";
import { cniErrorOf } from "#test/thrown.ts";
import { readVlanConf } from "./conf.ts";

describe("readVlanConf()", () => {
  const taken: readonly (readonly [conf: JsonObject, id: number, mtu: number, linkInContainer: boolean])[] = [
    [{}, 0, 0, false],
    [{ vlanId: 4094, mtu: 1400, linkInContainer: true }, 4094, 1400, true],
    [{ VLANID: 7 }, 7, 0, false],
  ];
  for (const [conf, id, mtu, linkInContainer] of taken) {
    test(`takes ${JSON.stringify(conf)}`, () => {
      expect(readVlanConf(testCall({ type: "vlan", config: { master: "eth0", ...conf } }))).toMatchObject({
        master: "eth0",
        mtu,
        linkInContainer,
        info: { kind: "vlan", data: { id } },
      });
    });
  }

  const refused: readonly (readonly [conf: JsonObject, message: string])[] = [
    [{ vlanId: 1 }, 'field "master" is missing'],
    [{ master: "eth0", vlanId: 4095 }, 'field "vlanId" must be a whole number from 0 to 4094, found 4095'],
    [{ master: "eth0", vlanId: -1 }, 'field "vlanId" must be a whole number from 0 to 4094, found -1'],
    [{ master: "eth0", mtu: "big" }, 'field "mtu" must be a whole number, found "big"'],
  ];
  for (const [config, message] of refused) {
    test(`refuses ${JSON.stringify(config)}`, () => {
      const error = cniErrorOf(() => readVlanConf(testCall({ type: "vlan", config })));
      expect([error.code, error.message]).toEqual([7, expect.stringContaining(message)]);
    });
  }
});
