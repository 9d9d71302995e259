// Cluster DNS of a lab: pods behind a service, as in any cluster, whoever serves services.

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { deployments, pods } from "#kube/resource.ts";
import { dnsDeployment } from "#lab/control/cluster-dns.ts";
import { gatewayOf, internetAddress, serviceBlock } from "#lab/fabric/addresses.ts";
import type { OutcomeReport } from "#lab/probe/attempt.ts";
import type { Family } from "#net/ip.ts";
import { TestLabs, within } from "#test/lab.ts";

const limitMs = 180_000;
const patienceMs = 60_000;

const container = { name: "main", image: "main" };
/** One with a network of its own, one with its node's; both ask cluster DNS. */
const askers = [
  { name: "own", spec: { containers: [container] } },
  { name: "host", spec: { containers: [container], hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" } },
].map(({ name, spec }) => ({ apiVersion: "v1", kind: "Pod", metadata: { name }, spec }));

function loadAskers(labs: TestLabs, lab: string): void {
  const file = join(labs.folder, "askers.json");
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: askers }));
  labs.ok("load", "--lab", lab, "--wait", file);
}

/** What each asker is told of a name, by its own resolver: its first address of the family. */
function lookUps(labs: TestLabs, lab: string, name: string, family: Family): readonly string[] {
  const database = family === "ipv4" ? "ahostsv4" : "ahostsv6";
  return askers.map(({ metadata }) => {
    const { exitCode, stdout } = labs.run("exec", "--lab", lab, metadata.name, "--", "getent", database, name);
    return exitCode === 0 ? (stdout.split(/\s/)[0] ?? "") : "no answer";
  });
}

function isUnanswered(labs: TestLabs, lab: string): boolean {
  const words = ["--from", "own", "--to", "internet", "--tcp", "--timeout", "300ms", "-o", "json"];
  const outcomes = JSON.parse(labs.ok("probe", "--lab", lab, ...words)) as readonly OutcomeReport[];
  return outcomes.length > 0 && outcomes.every(({ result }) => result === "unresolved");
}

describe("cluster DNS of a lab", () => {
  const rows: readonly (readonly [flags: string, family: Family])[] = [
    ["--family dual", "ipv4"],
    ["--family ipv6 --underlay l3 --services proxy", "ipv6"],
    ["--services none", "ipv4"],
    ["--plugins --family dual", "ipv4"],
    ["--plugins --services none", "ipv4"],
  ];
  for (const [flags, family] of rows) {
    test(
      `answers pods, pods that share their node's network, and nodes: ${flags}`,
      async () => {
        await using labs = await TestLabs.open();
        const lab = labs.name();
        labs.ok("up", lab, "--nodes", "2", ...flags.split(" "));
        loadAskers(labs, lab);
        const all = () =>
          ["kubernetes.default", "kubernetes.default.svc.cluster.local", "www.example.com"].map((name) =>
            lookUps(labs, lab, name, family),
          );
        const kubernetes = gatewayOf(serviceBlock[family]);
        const wanted = [kubernetes, kubernetes, internetAddress[family]].map((address) => [address, address]);
        // A node may hear of the second of its pods a moment after it is ready.
        await within(patienceMs, () => Bun.deepEquals(all(), wanted));
        expect(all()).toEqual(wanted);
        const asked = labs.ok("probe", "--lab", lab, "--from", "nodes", "--to", "kube-dns");
        expect(asked).toMatch(/^all \d+ connections are open/m);
      },
      limitMs,
    );
  }

  test(
    "is two pods on two nodes; without them names are unanswered, and with them again answered",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      labs.ok("up", lab);
      loadAskers(labs, lab);
      const client = labs.client(lab);
      const dnsPods = async () => {
        const { items } = await client.listAll(pods, { labelSelector: "k8s-app=kube-dns" });
        return items;
      };
      const readyReplicas = async () => (await client.get(deployments, dnsDeployment)).status?.readyReplicas ?? 0;
      expect(await within(patienceMs, async () => (await readyReplicas()) === 2)).toBe(true);
      expect(new Set((await dnsPods()).map(({ spec }) => spec?.nodeName)).size).toBe(2);
      const [first] = await dnsPods();
      const page = labs.fetch(lab, "node3", `http://${first?.status?.podIP}:9153/metrics`);
      expect(page).toContain("# TYPE coredns_dns_responses_total counter\n");

      const scale = (replicas: number) => client.patch(deployments, dnsDeployment, "merge", { spec: { replicas } });
      await scale(0);
      expect(await within(patienceMs, () => isUnanswered(labs, lab))).toBe(true);
      // Nobody wants them back: nobody waits for them.
      expect(labs.ok("up", lab)).toContain("was up already");
      await scale(1);
      const answered = () =>
        lookUps(labs, lab, "www.example.com", "ipv4").every((each) => each === internetAddress.ipv4);
      expect(await within(patienceMs, answered)).toBe(true);
    },
    limitMs,
  );
});
