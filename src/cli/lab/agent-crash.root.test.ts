// Agents killed at random instants while pods come and go, under connections on one node, between nodes and through a service: none of them
// breaks, none is refused, nothing is left over. TWILL_LONG=1 kills 200 times.

import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { endpointGroup } from "#agent/state/endpoint.ts";
import type { CheckMessage, EndpointMessage } from "#api/messages.ts";
import { networkPolicies } from "#kube/resource.ts";
import { AgentLab, echoAt, echoPort } from "#test/agent-lab.ts";
import { TestLabs, twill, waitMs, within } from "#test/lab.ts";
import { loadManyPods, scaleManyPods } from "#test/many-pods.ts";
import { Random } from "#test/random.ts";

const long = process.env["TWILL_LONG"] === "1";
const kills = long ? 200 : 20;
const limitMs = long ? 900_000 : 300_000;
const seed = 20_261_122;
/** Pods that come and go, and how soon after that an agent dies. */
const maxPods = 8;
const maxPauseMs = 400;
const nodes = ["node1", "node2"] as const;

/** Isolates the pods that are called, and allows what the callers ask; it comes and goes, so that verdicts are written anew. */
const policy = (name: string, port: number) => ({
  metadata: { namespace: "default", name },
  spec: { podSelector: { matchLabels: { app: "who" } }, ingress: [{ ports: [{ port: echoPort }, { port }] }] },
});

/** What a node has of its pods, by its agent, its kernel, and its kubelet. */
function leftOn({ labs, name }: AgentLab, node: string) {
  const ask = <T>(...words: readonly string[]) =>
    JSON.parse(labs.inside(name, node, twill, ...words, "-o", "json").stdout) as T;
  const links = labs.inside(name, node, "ip", "-br", "link", "show", "group", String(endpointGroup)).stdout;
  return {
    faults: ask<CheckMessage>("ipam", "check").faults,
    endpoints: ask<readonly EndpointMessage[]>("endpoints")
      .map(({ pod }) => pod ?? "")
      .sort(),
    links: links.split("\n").filter((line) => line !== "").length,
    namespaces: readdirSync(join(labs.folder, name, "nodes", node, "run", "netns")).length,
  };
}

describe("agents that are killed", () => {
  test(
    `${kills} times at random break no connection and refuse none, and nothing is left over`,
    async () => {
      await using labs = await TestLabs.open();
      const lab = await AgentLab.start(labs, "--nodes", "2", "--family", "dual");
      const random = new Random(seed);
      const [near, far] = await lab.members("who");
      const [peer] = await lab.members("peer");
      if (near === undefined || far === undefined || peer === undefined) throw new Error("there are two nodes");
      const places = [...near.addresses, ...far.addresses, ...(await lab.serviceAddresses())];
      const before = nodes.map((node) => leftOn(lab, node));
      const client = labs.client(lab.name);
      const there = new Set<string>();
      const load = await lab.startLoad(peer.name, places.map(echoAt));
      for (let kill = 0; kill < kills; kill++) {
        // Pods are wired and taken away, policies come, change and go while it dies.
        scaleManyPods(labs, lab.name, random.below(maxPods));
        const name = `policy-${random.below(2)}`;
        if (there.has(name) && random.bool()) {
          await client.remove(networkPolicies, { namespace: "default", name });
          there.delete(name);
        } else {
          await client.apply(networkPolicies, policy(name, random.int(1, 65_535)));
          there.add(name);
        }
        await Bun.sleep(random.below(maxPauseMs));
        lab.signalAgent(random.pick(nodes), "SIGKILL");
        if (random.bool()) await Bun.sleep(random.below(maxPauseMs));
        labs.ok("up", lab.name);
      }
      await loadManyPods(labs, lab.name, maxPods, waitMs);
      await loadManyPods(labs, lab.name, 0, waitMs);
      const { lines, made, faults } = await load.end();
      expect(faults).toEqual([]);
      expect(Math.min(lines, made)).toBeGreaterThan(kills * places.length);
      const left = () => nodes.map((node) => leftOn(lab, node));
      await within(waitMs, () => Bun.deepEquals(left(), before));
      expect(left()).toEqual(before);
    },
    limitMs,
  );
});
