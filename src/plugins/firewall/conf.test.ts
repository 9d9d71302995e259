// Tests what the firewall reads and refuses, without a kernel.

import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import type { Call } from "#cni/plugin.ts";
import { emptyResult } from "#cni/result.ts";
import { cniErrorOf } from "#test/thrown.ts";
import { wantedRecord } from "./conf.ts";

function call(config: JsonObject): Call {
  const none = { cniArgs: "", path: [], env: new Map<string, string>(), stdin: "", validAttachments: undefined };
  const names = { containerId: "c1", netns: "/run/netns/c1", ifname: "eth0", network: "net", type: "firewall" };
  return { ...none, ...names, command: "ADD", config, cniVersion: "1.1.0", prevResult: undefined };
}

describe("firewall refuses", () => {
  const field = "firewall: field ";
  const rows: readonly (readonly [what: string, conf: JsonObject, code: number, message: string])[] = [
    ["iptables", { backend: "iptables" }, 2, `${field}"backend" cannot be "iptables": `],
    [
      "a chain of iptables",
      { iptablesAdminChainName: "MINE" },
      2,
      `${field}"iptablesAdminChainName" cannot be "MINE": `,
    ],
    [
      "a zone of firewalld for nftables",
      { firewalldZone: "home", backend: "nftables" },
      2,
      `${field}"firewalldZone" cannot be "home": `,
    ],
    [
      "an unknown policy",
      { ingressPolicy: "closed" },
      7,
      `"ingressPolicy" must be one of "open", "same-bridge", "isolated", found "closed"`,
    ],
    ["a policy without a bridge", { ingressPolicy: "isolated" }, 7, `must be a bridge of the node, found "none"`],
  ];
  for (const [what, conf, code, message] of rows) {
    test(what, () => {
      const error = cniErrorOf(() => wantedRecord(call(conf), emptyResult, ""));
      expect(error.message).toContain(message);
      expect(error.code).toBe(code);
    });
  }
});

test("firewall accepts the defaults written out, as podman and nerdctl do", () => {
  const conf = { backend: "", iptablesAdminChainName: "CNI-ADMIN", firewalldZone: "trusted", ingressPolicy: "" };
  expect(wantedRecord(call(conf), emptyResult, "")).toEqual({
    addresses: [],
    ingressPolicy: "open",
    bridge: "",
    bridgeTable: false,
    zone: "",
  });
});
