// Rates and bursts from configurations.
import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import type { Call } from "#cni/plugin.ts";
import type { Tbf } from "#netlink/qdisc.ts";
import { cniErrorOf } from "#test/thrown.ts";
import { readConf } from "./conf.ts";
import { ifbName, referenceIfbName } from "./ifb-name.ts";

function read(config: JsonObject) {
  const call: Call = {
    ...{ command: "ADD", containerId: "c", netns: "/n", ifname: "eth0", cniArgs: "", path: [], env: new Map() },
    ...{ stdin: "", config, network: "n", type: "bandwidth", cniVersion: "1.1.0" },
    ...{ prevResult: undefined, validAttachments: undefined },
  };
  return readConf(call);
}

function tbf(rateBytes: number, burstBytes: number, limitBytes: number): Tbf {
  return { kind: "tbf", rateBytes, burstBytes, limitBytes };
}

describe("readConf()", () => {
  const rows: readonly (readonly [string, JsonObject, Tbf | undefined, Tbf | undefined])[] = [
    ["nothing", {}, undefined, undefined],
    ["zeros", { ingressRate: 0, ingressBurst: 0, egressRate: 0 }, undefined, undefined],
    ["one direction", { ingressRate: 1_000_000, ingressBurst: 80_000 }, tbf(125_000, 10_000, 13_125), undefined],
    ["the smallest", { egressRate: 8, egressBurst: 15 }, undefined, tbf(1, 1, 1)],
    [
      "a limit above 4 GB, which the reference lets wrap around",
      { egressRate: 40_000_000_000, egressBurst: 34_359_738_352 },
      undefined,
      tbf(5_000_000_000, 4_294_967_294, 4_294_967_295),
    ],
    [
      "the runtime's, keys in any case",
      { runtimeConfig: { bandWidth: { egressrate: 800, EgressBurst: 800 } } },
      undefined,
      tbf(100, 100, 102),
    ],
    [
      "the configuration's alone when both have some",
      { ingressRate: 800, ingressBurst: 800, runtimeConfig: { bandwidth: { egressRate: 800, egressBurst: 800 } } },
      tbf(100, 100, 102),
      undefined,
    ],
  ];
  for (const [what, config, ingress, egress] of rows) {
    test(`takes ${what}`, () => {
      expect(read(config)).toEqual({ ingress, egress });
    });
  }

  const refused: readonly (readonly [JsonObject, string])[] = [
    [{ ingressRate: 8 }, "if rate is set, burst must also be set: ingressRate is 8"],
    [{ egressBurst: 8 }, "if burst is set, rate must also be set: egressBurst is 8"],
    [{ egressRate: 7, egressBurst: 8 }, "egressRate is 7 bits a second: the kernel shapes from 8 on"],
    [{ egressRate: 8, egressBurst: 7 }, "egressBurst is 7 bits: it must be at least 8"],
    [{ ingressRate: 8, ingressBurst: 34_359_738_360 }, "burst cannot be more than 4GB"],
    [{ ingressRate: -8, ingressBurst: 8 }, '"ingressRate"'],
    [{ ingressRate: "8", ingressBurst: 8 }, '"ingressRate"'],
    [{ runtimeConfig: { bandwidth: { ingressRate: 8 } } }, "burst must also be set"],
  ];
  for (const [config, message] of refused) {
    test(`refuses ${JSON.stringify(config)}`, () => {
      expect(cniErrorOf(() => read(config)).message).toContain(message);
    });
  }
});

test("ifbName() tells interfaces, containers and networks apart and fits a link's name", () => {
  const one = { network: "n", containerId: "c1", ifname: "eth0" };
  const names = [one, { ...one, ifname: "eth1" }, { ...one, network: "nc", containerId: "1" }].map(ifbName);
  expect(new Set(names).size).toBe(3);
  for (const name of names) expect(name).toMatch(/^bwp[0-9a-f]{12}$/);
});

test("referenceIfbName() is the reference's", () => {
  expect(referenceIfbName({ network: "n", containerId: "c1", ifname: "eth0" })).toBe("bwp9b00b9b7c279");
});
