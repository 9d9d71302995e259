// Nodes that come and go, their blocks of addresses and their pods; who is outside.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pods } from "#kube/resource.ts";
import { groupOf, TestLabs, waitMs, within } from "#test/lab.ts";

const limitMs = 180_000;

describe("twill lab node", () => {
  test(
    "nodes are added, stopped, started with their addresses, crashed and removed",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      labs.ok("up", lab, "--nodes", "1", "--underlay", "l3");
      const log = join(labs.folder, lab, "nodes", "extra", "kubelet.log");
      /** Kubelets that came as far as that: what the API still has of an earlier one makes no node that is up. */
      const kubelets = () => readFileSync(log, "utf8").split("looking after the pods of extra").length - 1;
      labs.ok("node", "add", "--lab", lab, "extra");
      expect(kubelets()).toBe(1);
      expect(labs.status(lab).parts.find(({ name }) => name === "extra")?.addresses).toEqual(["172.30.12.10"]);
      expect(await labs.reaches(lab, "node1", "172.30.12.10")).toBe(true);
      labs.ok("node", "stop", "--lab", lab, "extra");
      expect(labs.broken(lab)).toEqual(["extra: stopped"]);
      expect(labs.pings(lab, "node1", "172.30.12.10")).toBe(false);
      expect(labs.ok("up", lab)).toContain("was up already");
      labs.ok("node", "start", "--lab", lab, "extra");
      expect(kubelets()).toBe(2);
      expect(await labs.reaches(lab, "node1", "172.30.12.10")).toBe(true);
      labs.ok("node", "crash", "--lab", lab, "extra");
      expect(existsSync(join(groupOf(lab), "nodes", "extra"))).toBe(false);
      labs.ok("node", "start", "--lab", lab, "extra");
      expect(kubelets()).toBe(3);
      labs.ok("node", "remove", "--lab", lab, "extra");
      expect(await labs.nodeNames(lab)).toEqual(["node1"]);
      expect(existsSync(join(labs.folder, lab, "nodes", "extra"))).toBe(false);
      expect(labs.broken(lab)).toEqual([]);
    },
    limitMs,
  );

  for (const underlay of ["l2", "l3"]) {
    test(
      `the blocks of nodes without agents are routed over ${underlay} while they have them`,
      async () => {
        await using labs = await TestLabs.open();
        const lab = labs.name();
        labs.ok("up", lab, "--nodes", "2", "--plugins", "--family", "dual", "--underlay", underlay);
        const routes = () => labs.inside(lab, "switch", "sh", "-c", "ip route; ip -6 route").stdout;
        for (const block of await labs.blocksOf(lab, "node2")) {
          expect(await within(waitMs, () => routes().includes(block))).toBe(true);
          const pod = block.replace(/(0\/24|\/64)$/, "9");
          labs.inside(lab, "node2", "ip", "address", "add", pod, "dev", "lo");
          expect(await labs.reaches(lab, "node1", pod)).toBe(true);
        }
        const [gone = ""] = await labs.blocksOf(lab, "node2");
        labs.ok("node", "remove", "--lab", lab, "node2");
        expect(await within(waitMs, () => !routes().includes(gone))).toBe(true);
      },
      limitMs,
    );
  }
});

describe("pods of a lab", () => {
  test(
    "are joined by the conflist that it was given, and reached from another node, the outside and a shell",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      const conflist = join(labs.folder, "ptp.conflist");
      const plugins = [{ type: "ptp", ipam: { type: "host-local" } }];
      writeFileSync(conflist, JSON.stringify({ cniVersion: "1.0.0", name: "wires", plugins }));
      labs.ok("up", lab, "--nodes", "2", "--family", "dual", "--underlay", "l3", "--cni", conflist);
      const place = { namespace: "default", name: "web" } as const;
      const containers = [{ name: "web", image: "web:1", ports: [{ containerPort: 80 }] }];
      const client = labs.client(lab);
      await client.create(pods, { metadata: place, spec: { nodeName: "node2", containers } });
      let ips: readonly string[] = [];
      const isReady = async () => {
        const { status } = await client.get(pods, place);
        ips = (status?.podIPs ?? []).map(({ ip }) => ip ?? "");
        return status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true;
      };
      expect(await within(waitMs, isReady)).toBe(true);
      expect(ips.length).toBe(2);
      for (const ip of ips) {
        const url = `http://${ip.includes(":") ? `[${ip}]` : ip}/`;
        for (const place of ["node1", "client"]) {
          expect(labs.fetch(lab, place, url)).toContain('"pod":"web"');
        }
      }
      expect(labs.inside(lab, "web", "hostname").stdout).toBe("web\n");
      expect(labs.inside(lab, "default/web", "sh", "-c", "exit 7").exitCode).toBe(7);
    },
    limitMs,
  );
});

describe("the outside of a lab", () => {
  test(
    "the internet tells who asks, by name; pods come from the switch",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      labs.ok("up", lab, "--plugins", "--nodes", "1", "--family", "dual");
      const get = (address: string, ...more: readonly string[]) =>
        labs.fetch(lab, "node1", `http://${address}/`, ...more);
      expect(get("203.0.113.10")).toContain("www.example.com greets 172.30.0.11\n");
      expect(get("[2001:db8:113::10]")).toContain("www.example.com greets fd00:30::11\n");
      const pod = (await labs.blocksOf(lab, "node1"))[0]?.replace("0/24", "9") ?? "";
      labs.inside(lab, "node1", "ip", "address", "add", pod, "dev", "lo");
      expect(get("203.0.113.10", "--interface", pod)).toContain("greets 203.0.113.1\n");
    },
    limitMs,
  );
});
