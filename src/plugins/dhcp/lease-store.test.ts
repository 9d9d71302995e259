// Leases on disk: what is written is read, per family, and what is damaged counts as absent.
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultCidr, ifAddr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import type { LeaseRecord } from "./client.ts";
import { LeaseStore } from "./lease-store.ts";

const id = { network: "lan", containerId: "pod-1", ifname: "eth0" };
const place = { netns: "/run/netns/pod-1", ifname: "eth0", mac: mac("02:00:00:00:00:17") };
const times = { renewAt: 1.5, rebindAt: 2, expiresAt: 3 };

const records: readonly LeaseRecord[] = [
  {
    family: "ipv4",
    id,
    place,
    terms: { request: [1, 121], provide: new Map([[61, new Uint8Array([0, 1])]]), broadcast: true },
    lease: {
      ...times,
      address: ifAddr("10.7.0.100/20"),
      gateway: ip("10.7.0.1"),
      routes: [{ dst: defaultCidr("ipv4"), gw: ip("10.7.0.1"), mtu: 1400 }],
      dns: { nameservers: ["10.7.0.1"], domain: "pods.test", search: ["a.test"] },
      server: ip("10.7.0.1"),
      serverMac: place.mac,
    },
  },
  {
    family: "ipv6",
    id,
    place,
    terms: { duid: new Uint8Array([0, 4, 0xaa]), hostName: "shop-0" },
    lease: { ...times, address: ifAddr("fd00:7::100/128"), dns: {}, server: new Uint8Array([0, 3, 0xff]) },
  },
];

test("a lease of each family is kept beside the other's, and removed alone", () => {
  const dir = mkdtempSync(join(tmpdir(), "leases-"));
  try {
    const store = new LeaseStore(dir);
    for (const record of records) store.write(record);
    for (const record of records) expect(store.read(record)).toEqual(record);
    expect(store.list()).toEqual(records.map(({ family }) => ({ id, family })));
    expect(store.list("wan")).toEqual([]);
    store.remove({ id, family: "ipv4" });
    expect(store.list("lan")).toEqual([{ id, family: "ipv6" }]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("a damaged record counts as absent", () => {
  const dir = mkdtempSync(join(tmpdir(), "leases-"));
  try {
    const store = new LeaseStore(dir);
    for (const record of records) store.write(record);
    for (const name of readdirSync(join(dir, "lan"))) {
      for (const text of ["", "{}", "[]", '{"place":{"netns":"x","ifname":"y","mac":"z"}}']) {
        writeFileSync(join(dir, "lan", name), text);
        for (const { family } of records) {
          if (name.endsWith(family === "ipv4" ? ":dhcp" : ":dhcp6")) expect(store.read({ id, family })).toBeUndefined();
        }
      }
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});
