// What ADD answers for leases of one family or both.
import { expect, test } from "bun:test";
import { cidr, defaultCidr, ifAddr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import type { LeaseRecord4, LeaseRecord6 } from "./client.ts";
import { resultOfLeases } from "./lease-result.ts";

const id = { network: "lan", containerId: "pod-1", ifname: "eth0" };
const place = { netns: "/run/netns/pod-1", ifname: "eth0", mac: mac("02:00:00:00:00:17") };
const times = { renewAt: 1, rebindAt: 2, expiresAt: 3 };

const v4: LeaseRecord4 = {
  family: "ipv4",
  id,
  place,
  terms: { request: [], provide: new Map(), broadcast: false },
  lease: {
    ...times,
    address: ifAddr("10.7.0.100/20"),
    gateway: ip("10.7.0.1"),
    routes: [{ dst: defaultCidr("ipv4"), gw: ip("10.7.0.1") }],
    dns: { nameservers: ["10.7.0.1"], domain: "pods.test", search: ["a.test", "b.test"] },
    server: ip("10.7.0.1"),
    serverMac: place.mac,
  },
};
const v6: LeaseRecord6 = {
  family: "ipv6",
  id,
  place,
  terms: { duid: new Uint8Array(18) },
  lease: {
    ...times,
    address: ifAddr("fd00:7::100/128"),
    dns: { nameservers: ["fd00:7::1"], search: ["b.test", "c.test"] },
    server: new Uint8Array(10),
  },
};

test("the priority is for the server's routes alone, and what the server left out is left out", () => {
  const { gateway: _, ...lease } = { ...v4.lease, dns: {} };
  const routes = [{ dst: cidr("fd00:8::/64"), gw: ip("fe80::1") }];
  expect(resultOfLeases([{ ...v4, lease }], { priority: 7, routes })).toEqual({
    interfaces: [],
    ips: [{ address: ifAddr("10.7.0.100/20") }],
    routes: [{ dst: defaultCidr("ipv4"), gw: ip("10.7.0.1"), priority: 7 }, ...routes],
    dns: {},
  });
});

test("two leases are two addresses and one list of name servers", () => {
  expect(resultOfLeases([v4, v6], { priority: undefined, routes: [] })).toEqual({
    interfaces: [],
    ips: [{ address: ifAddr("10.7.0.100/20"), gateway: ip("10.7.0.1") }, { address: ifAddr("fd00:7::100/128") }],
    routes: [{ dst: defaultCidr("ipv4"), gw: ip("10.7.0.1") }],
    dns: {
      nameservers: ["10.7.0.1", "fd00:7::1"],
      domain: "pods.test",
      search: ["a.test", "b.test", "c.test"],
    },
  });
});
