// Many pods in one lab: all are Ready at addresses of their own, answer, and leave nothing behind. TWILL_LONG=1 has a thousand.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { endpointGroup } from "#agent/state/endpoint.ts";
import type { IpamMessage } from "#api/messages.ts";
import { deployments, pods } from "#kube/resource.ts";
import { processesBelow } from "#lab/cgroup.ts";
import { dnsDeployment } from "#lab/control/cluster-dns.ts";
import { groupOf, TestLabs, twill, within } from "#test/lab.ts";
import { loadManyPods, manyPodsLabel } from "#test/many-pods.ts";

const long = process.env["TWILL_LONG"] === "1";
const count = long ? 1000 : 100;
const nodes = long ? 10 : 3;
const limitMs = long ? 600_000 : 240_000;

describe(`${count} pods in one lab`, () => {
  test(
    "are Ready at addresses of their own, answer every node, and go without leaving anything",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      labs.ok("up", lab, "--nodes", String(nodes));
      const left = () => ({
        processes: nodeNames(nodes).flatMap((node) => processesBelow(join(groupOf(lab), "nodes", node, "pods"))),
        addresses: nodeNames(nodes).flatMap((node) => addressesOf(labs, lab, node)),
        links: nodeNames(nodes).flatMap((node) => linksOf(labs, lab, node)),
      });
      const nothing = { processes: [], addresses: [], links: [] };
      // The cluster's own pods would be counted as well.
      await labs.client(lab).patch(deployments, dnsDeployment, "merge", { spec: { replicas: 0 } });
      await within(60_000, () => Bun.deepEquals(left(), nothing));
      expect(left()).toEqual(nothing);
      await loadManyPods(labs, lab, count, limitMs);
      const { items } = await labs.client(lab).listAll(pods, { namespace: "default" });
      const own = items.map(({ status }) => status?.podIP ?? "none");
      expect(new Set(own).size).toBe(count);
      // Spread evenly, or nearly so.
      const perNode = [...Map.groupBy(items, ({ spec }) => spec?.nodeName).values()].map(({ length }) => length);
      expect(Math.max(...perNode) - Math.min(...perNode)).toBeLessThanOrEqual(2);
      // All at once would be more neighbours than the machine keeps, if there are a thousand.
      const some = items.filter((_, i) => i % 50 === 0).map(({ metadata }) => `default/${metadata.name}`);
      for (const to of long ? some : [manyPodsLabel]) {
        const probe = labs.ok("probe", "--lab", lab, "--from", "nodes", "--to", to, "--timeout", "5s");
        expect(probe).toContain(`all ${(long ? 1 : count) * nodes} connections are open`);
      }
      const { processes, addresses: taken, links } = left();
      expect({ taken: taken.length, links: links.length }).toEqual({ taken: count, links: count });
      expect(processes.length).toBeGreaterThanOrEqual(2 * count);
      await loadManyPods(labs, lab, 0, limitMs);
      await within(60_000, () => Bun.deepEquals(left(), nothing));
      expect(left()).toEqual(nothing);
    },
    limitMs,
  );
});

function nodeNames(size: number): readonly string[] {
  return Array.from({ length: size }, (_, i) => `node${i + 1}`);
}

/** Addresses that a node's agent has given away. */
function addressesOf(labs: TestLabs, lab: string, node: string): readonly string[] {
  const { stdout } = labs.inside(lab, node, twill, "ipam", "show", "-o", "json");
  return (JSON.parse(stdout) as IpamMessage).addresses.map(({ address }) => address);
}

/** The node's ends of pods' links, with those that wait for their removal. */
function linksOf(labs: TestLabs, lab: string, node: string): readonly string[] {
  const { stdout } = labs.inside(lab, node, "ip", "-br", "link", "show", "group", String(endpointGroup));
  return stdout.split("\n").filter((line) => line !== "");
}
