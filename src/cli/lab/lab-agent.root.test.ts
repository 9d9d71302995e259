// Labs whose nodes run the agent: everybody reaches everybody by their own addresses, whatever is between the nodes, and without agents for a while.

import { describe, expect, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { events, pods } from "#kube/resource.ts";
import { internetAddress } from "#lab/fabric/addresses.ts";
import { addressesAnnotation } from "#model/pod.ts";
import { AgentLab, echoAt, familyOf } from "#test/agent-lab.ts";
import { TestLabs, twill, waitMs, within } from "#test/lab.ts";

const limitMs = 180_000;
const isLong = process.env["TWILL_LONG"] === "1";

const fabrics = [
  ["auto", "l2"],
  ["auto", "l3"],
  ["vxlan", "l2"],
  ["vxlan", "l3"],
  ["direct", "l2"],
] as const;
const all = (["ipv4", "ipv6", "dual"] as const).flatMap((family) =>
  fabrics.map(([fabric, underlay]) => [family, fabric, underlay] as const),
);
/** Each fabric, each underlay and each family once. */
const some: readonly string[] = ["ipv4 direct l2", "ipv6 vxlan l2", "dual auto l3"];

describe("a lab with agents", () => {
  for (const [family, fabric, underlay] of all) {
    if (!isLong && !some.includes(`${family} ${fabric} ${underlay}`)) continue;
    test(
      `everybody reaches everybody as who they are: ${family}, fabric ${fabric}, ${underlay}`,
      async () => {
        await using labs = await TestLabs.open();
        const lab = await AgentLab.start(labs, "--family", family, "--fabric", fabric, "--underlay", underlay);
        expect(lab.unreached()).toEqual([]);
        const members = await lab.members();
        expect(members.map(({ node }) => node)).toEqual(["node1", "node2", "node3"]);
        const [near, , far] = members;
        if (near === undefined || far === undefined) throw new Error("there are three pods");
        const nodeAddresses = labs.status(lab.name).parts.find(({ name }) => name === near.node)?.addresses ?? [];
        for (const [index, own] of near.addresses.entries()) {
          const [target = "", node = ""] = [far.addresses[index], nodeAddresses[index]];
          expect(`from pod to pod: ${lab.seenBy(near.name, target, 8080)}`).toBe(`from pod to pod: ${own}`);
          expect(`from node to pod: ${lab.seenBy(near.node, target, 8080)}`).toBe(`from node to pod: ${node}`);
          const world = lab.seenByInternet(near.name, internetAddress[familyOf(own)]);
          expect(`from pod to the internet: ${world}`).toBe(`from pod to the internet: ${node}`);
        }
        for (const address of await lab.serviceAddresses()) {
          const own = near.addresses.find((each) => familyOf(each) === familyOf(address)) ?? "";
          expect(`through ${address}: ${lab.seenThroughService(near.name, address)}`).toBe(
            `through ${address}: ${own}`,
          );
        }
      },
      limitMs,
    );
  }

  test(
    "a pod that gets no network says why, in an event of its node's agent",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      labs.ok("up", lab, "--nodes", "1");
      const client = labs.client(lab);
      const metadata = { namespace: "default", name: "odd", annotations: { [addressesAnnotation]: "ten" } };
      await client.create(pods, { metadata, spec: { containers: [{ name: "a", image: "a" }] } });
      const told = async () => {
        const { items } = await client.listAll(events, { namespace: "default" });
        return items.map(({ source, reason, message }) => `${source?.component} ${reason}: ${message}`);
      };
      const sentence = `annotation ${addressesAnnotation} of pod default/odd must be addresses separated by commas, found "ten"`;
      const reasons = ["twill-agent FailedNetworkSetup", "kubelet FailedCreatePodSandBox"];
      await within(waitMs, async () => {
        const texts = await told();
        return reasons.every((reason) => texts.some((text) => text.startsWith(reason)));
      });
      expect(await told()).toEqual(
        expect.arrayContaining([
          `twill-agent FailedNetworkSetup: ${sentence}`,
          expect.stringMatching(/^kubelet FailedCreatePodSandBox: .*must be addresses/),
        ]),
      );
    },
    limitMs,
  );

  test(
    "connections go on, and new ones are made, while agents are killed; up brings them back",
    async () => {
      await using labs = await TestLabs.open();
      const lab = await AgentLab.start(labs, "--nodes", "2", "--underlay", "l3");
      const [near, far] = await lab.members();
      if (near === undefined || far === undefined) throw new Error("there are two pods");
      const [address = ""] = far.addresses;
      const load = await lab.startLoad(near.name, [address, ...(await lab.serviceAddresses())].map(echoAt));
      for (const node of ["node1", "node2"]) lab.signalAgent(node, "SIGKILL");
      expect(lab.seenBy(near.name, address, 8080)).toBe(near.addresses[0] ?? "");
      const lacking = () => labs.broken(lab.name).join() === "node1: lacks agent,node2: lacks agent";
      expect(await within(waitMs, lacking)).toBe(true);
      labs.ok("up", lab.name);
      expect(labs.broken(lab.name)).toEqual([]);
      expect(labs.ok("agent", "kill", "--lab", lab.name, "node1")).toContain('the agent of "node1" is dead');
      expect(labs.broken(lab.name)).toEqual(["node1: lacks agent"]);
      labs.ok("agent", "restart", "--lab", lab.name, "node1");
      const other = join(labs.folder, "other-twill");
      copyFileSync(twill, other);
      const upgraded = labs.ok("agent", "upgrade", "--lab", lab.name, "node2", other);
      expect(upgraded).toContain(`the agent of "node2" is ${other} now`);
      expect(lab.agentProgram("node2")).toBe(other);
      expect(labs.broken(lab.name)).toEqual([]);
      const { lines, made, faults } = await load.end();
      expect(faults).toEqual([]);
      expect(Math.min(lines, made)).toBeGreaterThan(50);
      expect(labs.run("agent", "upgrade", "--lab", lab.name, "node2", "/nowhere").stderr).toContain(
        "Cannot use /nowhere as an agent: no executable is there",
      );
      expect(labs.run("agent", "upgrade", "--lab", lab.name, "node2", "/bin/true").stderr).toContain(
        "Cannot use /bin/true as an agent: it does not say its version, as twill version does",
      );
      expect(labs.broken(lab.name)).toEqual([]);
      lab.signalAgent("node1", "SIGSTOP");
      expect(labs.ok("status", lab.name)).toContain("problem of node1: its agent does not answer\n");
      lab.signalAgent("node1", "SIGCONT");
      expect(await within(waitMs, () => labs.status(lab.name).problems.length === 0)).toBe(true);
      // Back again, they wire pods as before.
      labs.ok("node", "add", "--lab", lab.name);
      await lab.load();
      const [, , third] = await lab.members();
      expect(lab.seenBy(near.name, third?.addresses[0] ?? "", 8080)).toBe(near.addresses[0] ?? "");
    },
    limitMs,
  );
});
