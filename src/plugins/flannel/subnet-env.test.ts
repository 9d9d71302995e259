// What flanneld's file says, and what is missing in it.
import { describe, expect, test } from "bun:test";
import { cniErrorOf } from "#test/thrown.ts";
import { parseSubnetEnv, readSubnetEnv, type SubnetEnv } from "./subnet-env.ts";

const rest = "FLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n";

test("parseSubnetEnv() reads both families, several networks, and subnets without host bits", () => {
  const text = [
    "# by flanneld",
    "FLANNEL_NETWORK=10.1.0.0/16,192.168.0.0/16",
    "FLANNEL_SUBNET=10.1.17.1/24 ",
    "FLANNEL_IPV6_NETWORK=fc00::/48",
    "FLANNEL_IPV6_SUBNET=fc00:0:0:11::1/64",
    "FLANNEL_MTU=1472",
    "FLANNEL_IPMASQ=false",
    "FLANNEL_LATER=a=b",
  ].join("\n");
  expect(parseSubnetEnv(text, "f") as unknown).toEqual({
    networks: ["10.1.0.0/16", "192.168.0.0/16", "fc00::/48"],
    subnets: ["10.1.17.0/24", "fc00:0:0:11::/64"],
    mtu: 1472,
    ipMasq: false,
  } satisfies { readonly [key in keyof SubnetEnv]: unknown });
});

describe("parseSubnetEnv() refuses", () => {
  const rows: readonly (readonly [text: string, message: string])[] = [
    [
      "",
      "f is missing FLANNEL_NETWORK, FLANNEL_IPV6_NETWORK, FLANNEL_SUBNET, FLANNEL_IPV6_SUBNET, FLANNEL_MTU, FLANNEL_IPMASQ",
    ],
    [
      "FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=10.1.17.1/24\nFLANNEL_MTU",
      "f is missing FLANNEL_MTU, FLANNEL_IPMASQ",
    ],
    [
      `FLANNEL_NETWORK=10.1.0.0\nFLANNEL_SUBNET=10.1.17.1/24\n${rest}`,
      "f has FLANNEL_NETWORK=10.1.0.0, which is no address block",
    ],
    [
      "FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=10.1.17.1/24\nFLANNEL_MTU=big\nFLANNEL_IPMASQ=true",
      "f has FLANNEL_MTU=big",
    ],
  ];
  for (const [text, message] of rows) {
    test(JSON.stringify(text), () => {
      const error = cniErrorOf(() => parseSubnetEnv(text, "f"));
      expect([error.code, error.message]).toEqual([7, expect.stringContaining(message)]);
    });
  }
});

test("readSubnetEnv() asks to try again later while there is no file", () => {
  const error = cniErrorOf(() => readSubnetEnv("/nowhere/subnet.env"));
  expect([error.code, error.message]).toEqual([
    11,
    "flannel: Cannot read /nowhere/subnet.env: ENOENT: check that flanneld runs and has its lease",
  ]);
});
