// A pod that sends faster than it may: what is told to wait, and what is dropped.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { runProgram } from "#kernel/bpf-test-run.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { packetBytes } from "#test/packet.ts";
import { Datapath } from "./datapath.ts";
import { policySet } from "./policy-format.ts";

const loopback = 1;
const macs = { mac: mac("02:00:00:00:01:01"), hostMac: mac("02:00:00:00:01:ff") };
const [shot, redirected] = [2, 7];

let path: Datapath;
beforeAll(() => {
  path = new Datapath({ pins: undefined, sizes: { connections: 1024, translations: 1024 } });
  path.setEndpoint({
    id: 2,
    ifindex: 77,
    mtu: 1500,
    ...macs,
    ipv4: ip("10.244.0.2"),
    ipv6: undefined,
    policySet: policySet.open,
  });
  path.set({ tunnelIfindex: 99, tunnelId: 1, tunnelMac: mac("02:00:00:00:99:01") });
  path.setPeer({ block: cidr("10.244.1.0/24"), node: ip("172.30.0.12"), mac: mac("02:00:00:00:99:02"), tunnel: true });
});
afterAll(() => path[Symbol.dispose]());

/** Of twenty packets that come at once: how many go on, and how many are dropped. */
function burst(
  to: string,
  paced: { readonly rateBytes: number; readonly burstBytes: number } | undefined,
): readonly number[] {
  path.setEndpoint({
    ...{
      id: 1,
      ifindex: loopback,
      mtu: 1500,
      ...macs,
      ipv4: ip("10.244.0.1"),
      ipv6: undefined,
      policySet: policySet.open,
    },
    shaping: { paced },
  });
  const packet = packetBytes({ from: "10.244.0.1", to });
  const results = Array.from({ length: 20 }, () => runProgram(path.programFd("from_pod"), packet, loopback).result);
  return [redirected, shot].map((verdict) => results.filter((result) => result === verdict).length);
}

describe("from_pod", () => {
  const size = packetBytes({ from: "10.244.0.1", to: "10.244.0.2" }).length;
  /** A packet a second, and two at once. */
  const slow = { rateBytes: size, burstBytes: 2 * size };

  test("lets all go that a pod without a limit sends", () => {
    expect(burst("10.244.0.2", undefined)).toEqual([20, 0]);
  });

  test("drops what comes too early for a pod of this node, where nothing waits", () => {
    const before = path.counts()["drop-pace"].packets;
    expect(burst("10.244.0.2", slow)).toEqual([3, 17]);
    expect(path.counts()["drop-pace"].packets - before).toBe(17n);
  });

  test("tells packets that leave the node to wait, two seconds at most", () => {
    expect(burst("10.244.1.7", { ...slow, rateBytes: 10 * size })).toEqual([20, 0]);
    expect(burst("10.244.1.7", slow)).toEqual([5, 15]);
  });
});
