// The bridge plugin's configuration: what it takes, what it refuses and how, and where a hardware address comes from.

import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import { testCall } from "#test/call.ts";
import { cniErrorOf } from "#test/thrown.ts";
import { readBridgeConf } from "./conf.ts";

const read = (config: JsonObject, cniArgs = "") => readBridgeConf(testCall({ type: "bridge", config, cniArgs }));

describe("readBridgeConf()", () => {
  test("an empty configuration means the defaults", () => {
    expect(read({})).toMatchObject({
      bridge: "cni0",
      isGateway: false,
      mtu: 0,
      vlan: 0,
      vlanTrunk: [],
      preserveDefaultVlan: false,
      enabledad: false,
    });
  });

  test("a default gateway is a gateway", () => {
    expect(read({ isDefaultGateway: true }).isGateway).toBe(true);
  });

  test("a trunk takes single VLANs and ranges", () => {
    const vlanTrunk = [{ id: 7 }, { minID: 10, maxID: 12 }, { minID: 4094, maxID: 4094 }];
    expect(read({ vlanTrunk }).vlanTrunk).toEqual([
      { first: 7, last: 7 },
      { first: 10, last: 12 },
      { first: 4094, last: 4094 },
    ]);
  });

  const either = 'field "vlanTrunk[0]" must have either "id", or both "minID" and "maxID"';
  const refused: readonly (readonly [config: JsonObject, code: number, message: string])[] = [
    [{ vlan: -1 }, 7, '"vlan"'],
    [{ vlan: 4095 }, 7, '"vlan"'],
    [{ vlanTrunk: [{ id: 0 }] }, 7, "vlanTrunk[0].id"],
    [{ vlanTrunk: [{ id: 4095 }] }, 7, "vlanTrunk[0].id"],
    [{ vlanTrunk: [{ id: 5 }, { minID: 0, maxID: 5 }] }, 7, "vlanTrunk[1].minID"],
    [{ vlanTrunk: [{ minID: 5, maxID: 4095 }] }, 7, "vlanTrunk[0].maxID"],
    [{ vlanTrunk: [{ minID: 5, maxID: 4 }] }, 7, 'field "vlanTrunk[0]" has minID 5 above maxID 4'],
    [{ vlanTrunk: [{ minID: 5 }] }, 7, either],
    [{ vlanTrunk: [{ maxID: 5 }] }, 7, either],
    [{ vlanTrunk: [{ id: 5, minID: 5 }] }, 7, either],
    [{ vlanTrunk: [{ id: 3, minID: 5, maxID: 6 }] }, 7, either],
    [{ vlanTrunk: [{}] }, 7, either],
    [{ mtu: 65536 }, 7, '"mtu"'],
    [{ hairpinMode: true, promiscMode: true }, 7, '"hairpinMode" and "promiscMode" exclude each other'],
    [{ disableContainerInterface: true, ipam: { type: "host-local" } }, 7, '"disableContainerInterface"'],
    [{ ipMasq: true, ipMasqBackend: "iptables" }, 2, '"ipMasqBackend" cannot be "iptables"'],
    [{ args: { cni: { mac: "xyz" } } }, 7, "args.cni.mac"],
  ];
  for (const [config, code, message] of refused) {
    test(`refuses ${JSON.stringify(config)}`, () => {
      const error = cniErrorOf(() => read(config));
      expect(error.message).toContain(message);
      expect(error.code).toBe(code);
    });
  }

  const [a, b, c] = ["02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"] as const;
  const macs: readonly (readonly [source: string, config: JsonObject, cniArgs: string, expected: string])[] = [
    ["CNI_ARGS", {}, `MAC=${a}`, a],
    ["args.cni over CNI_ARGS", { args: { cni: { mac: b } } }, `MAC=${a}`, b],
    ["runtimeConfig over both", { args: { cni: { mac: b } }, runtimeConfig: { mac: c } }, `MAC=${a}`, c],
  ];
  for (const [source, config, cniArgs, expected] of macs) {
    test(`takes the hardware address of ${source}`, () => {
      expect<string | undefined>(read(config, cniArgs).mac).toBe(expected);
    });
  }

  test("refuses a MAC of CNI_ARGS that is none with code 4", () => {
    expect(cniErrorOf(() => read({}, "MAC=xyz")).code).toBe(4);
  });
});
