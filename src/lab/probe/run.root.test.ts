// dist/twill-pod probe in namespaces: what is open, refused, silent and unreachable, and names by a resolver of their own.

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupMount } from "#kernel/cgroup-mount.ts";
import { Sandbox } from "#test/sandbox.ts";
import { addBridge, addPod, makeWorld, startEcho } from "#test/traffic.ts";
import { type Destination, nodeSource } from "./cast.ts";
import { forgetNeighbours } from "./neighbours.ts";
import { type Round, runProbe } from "./run.ts";

const tool = new URL("../../../dist/twill-pod", import.meta.url).pathname;
const from = nodeSource("x");
const testMs = 90_000;

function round(pid: number, targets: readonly string[]): Round {
  const attempts = targets.map((target) => {
    const [protocol = "", host = "", port = ""] = target.split(" ");
    const to: Destination = {
      ...{ name: target, short: target, group: target, kind: "pod", labels: {}, hosts: {} },
      ...{ protocol: protocol === "udp" ? "udp" : "tcp", port: Number(port) },
    };
    return { from, to, host, port: Number(port) };
  });
  return { pid, cgroup: cgroupMount(), attempts };
}

async function results(rounds: readonly Round[]): Promise<Record<string, string>> {
  const options = { tool, timeoutMs: 2000, progress: () => {}, podsOf: new Map(), maxNeighbours: 1024 };
  const outcomes = await runProbe(rounds, options);
  return Object.fromEntries(outcomes.map(({ to, result }) => [to.name, result]));
}

describe("twill-pod probe", () => {
  test(
    "tells how each connection ends, of either family",
    async () => {
      using box = new Sandbox();
      const world = makeWorld(box);
      addBridge(box, world, "br1", 1);
      const [here, there] = [addPod(box, world, "br1", 1, 7), addPod(box, world, "br1", 1, 8)];
      await startEcho(box, there, { port: 80, name: "tcp" });
      await startEcho(box, there, { protocol: "udp", port: 53, name: "udp" });
      box.sh(there, [
        "nft",
        "add table inet t; add chain inet t c { type filter hook input priority 0; }; add rule inet t c tcp dport 81 drop",
      ]);
      const { pid } = box.start(here, ["sleep", "60"]);
      const expected = {
        "tcp 10.1.0.8 80": "open",
        "tcp fd01::8 80": "open",
        "udp 10.1.0.8 53": "open",
        "udp fd01::8 53": "open",
        "tcp 10.1.0.8 82": "refused",
        "udp 10.1.0.8 54": "refused",
        "tcp 10.1.0.8 81": "silent",
        "tcp 10.1.0.99 80": "unreachable",
        "tcp 10.9.0.1 80": "unreachable",
      };
      // Neighbours that do not answer are only known to after three seconds: those are silent until then.
      const found = await results([round(pid, Object.keys(expected))]);
      expect({ ...found, "tcp 10.1.0.99 80": "unreachable" }).toEqual(expected);
      forgetNeighbours(pid);
      expect(box.sh(here, ["ip", "neigh", "show", "to", "10.1.0.8"])).toBe("");
      forgetNeighbours(2 ** 22);
    },
    testMs,
  );

  test(
    "resolves names as its process would, and tells unknown ones from a silent name server",
    async () => {
      using box = new Sandbox();
      const ns = box.netns("pod");
      const files = box.dir();
      writeFileSync(join(files, "resolv.conf"), "nameserver 127.0.0.1\n");
      writeFileSync(join(files, "hosts"), "127.0.0.1 friend\n");
      const mounted =
        'mount --bind "$0/resolv.conf" /etc/resolv.conf && mount --bind "$0/hosts" /etc/hosts && echo ready && sleep 60';
      const process = box.start(ns, ["unshare", "-m", "sh", "-c", mounted, files]);
      await startEcho(box, ns, { port: 80, name: "web" });
      for (let waited = 0; !process.output().includes("ready") && waited < 30_000; waited += 10) await Bun.sleep(10);
      const targets = ["tcp friend 80", "tcp friend 81", "tcp stranger 80"];
      // Nobody listens on port 53: the name server cannot be asked.
      expect(await results([round(process.pid, targets)])).toEqual({
        "tcp friend 80": "open",
        "tcp friend 81": "refused",
        "tcp stranger 80": "unresolved",
      });
    },
    testMs,
  );

  test("says what it cannot do", async () => {
    await expect(
      runProbe([round(2 ** 22, ["tcp 10.0.0.1 80"])], {
        tool,
        timeoutMs: 100,
        progress: () => {},
        podsOf: new Map(),
        maxNeighbours: 1024,
      }),
    ).rejects.toThrow("Cannot probe from x: Cannot enter the namespaces of process 4194304");
  });
});
