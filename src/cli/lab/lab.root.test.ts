// A lab that comes up, is mended, and goes.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { killGroup, killProcess, processesIn } from "#lab/cgroup.ts";
import { groupOf, processesOf, TestLabs } from "#test/lab.ts";

const limitMs = 180_000;

describe("twill lab up and down", () => {
  test(
    "three nodes are Ready, a second up finds all there, and down leaves nothing",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      const up = labs.ok("up", lab);
      expect(up).toContain(`lab "${lab}" is up: 3 nodes, ipv4, l2`);
      expect(labs.broken(lab)).toEqual([]);
      expect(await labs.nodeNames(lab)).toEqual(["node1", "node2", "node3"]);
      expect(labs.ok("up", lab)).toContain("was up already");
      expect(labs.ok("kubeconfig", lab)).toContain("kind: Config");
      expect(labs.ok("down", lab)).toContain("is gone");
      expect(existsSync(groupOf(lab))).toBe(false);
      expect(existsSync(labs.folder)).toBe(false);
      const again = labs.run("down", lab);
      expect(again).toEqual({
        exitCode: 1,
        stdout: "",
        stderr: `twill lab down: Cannot find lab "${lab}": there is none\n`,
      });
    },
    limitMs,
  );

  test(
    "two labs come up at once, with the same addresses inside, and one outlives the other",
    async () => {
      await using labs = await TestLabs.open();
      const [a, b] = [labs.name(), labs.name()];
      const ended = await Promise.all([
        labs.start("up", a, "--nodes", "1"),
        labs.start("up", b, "--nodes", "1", "--family", "dual"),
      ]);
      expect(ended).toEqual([
        { exitCode: 0, stderr: "" },
        { exitCode: 0, stderr: "" },
      ]);
      expect(labs.status(a).parts[1]?.addresses).toEqual(["172.30.0.11"]);
      expect(labs.status(b).parts[1]?.addresses).toEqual(["172.30.0.11", "fd00:30::11"]);
      labs.ok("down", a);
      expect(labs.broken(b)).toEqual([]);
      expect(await labs.reaches(b, "node1", "fd00:30::2")).toBe(true);
    },
    limitMs,
  );

  test(
    "commands on one lab take turns: two ups make one lab, and a down among them leaves nothing or all",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      const well = { exitCode: 0, stderr: "" };
      const up = () => labs.start("up", lab, "--nodes", "2");
      expect(await Promise.all([up(), up()])).toEqual([well, well]);
      expect(labs.broken(lab)).toEqual([]);
      expect(await Promise.all([labs.start("down", lab), up()])).toEqual([well, well]);
      if (existsSync(join(labs.folder, lab))) expect(labs.broken(lab)).toEqual([]);
      else expect(processesOf(lab)).toEqual([]);
    },
    limitMs,
  );

  test(
    "up mends a lab after kill -9 of each of its processes, and of all at once",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      labs.ok("up", lab, "--nodes", "2", "--underlay", "l3");
      labs.ok("wire", "delay", "--lab", lab, "node1", "node2", "10ms");
      const groups = readdirSync(groupOf(lab), { recursive: true, encoding: "utf8" })
        .filter((path) => path.endsWith("/cgroup.procs"))
        .map((path) => dirname(path))
        .filter((path) => processesIn(join(groupOf(lab), path)).length > 0);
      // Seven namespaces, the control plane, the internet, the wires, and two services a node.
      expect(groups.length).toBeGreaterThanOrEqual(15);
      for (const group of groups) {
        for (const pid of processesIn(join(groupOf(lab), group))) killProcess(pid);
        labs.ok("up", lab);
        const reaches = await labs.reaches(lab, "node1", "172.30.12.10");
        expect({ group, broken: labs.broken(lab), reaches }).toEqual({
          group,
          broken: [],
          reaches: true,
        });
      }
      for (const pid of processesOf(lab)) killProcess(pid);
      labs.ok("up", lab);
      expect(labs.broken(lab)).toEqual([]);
      expect(await labs.reaches(lab, "client", "172.30.12.10")).toBe(true);
    },
    limitMs,
  );

  test(
    "up goes on where a killed up stopped, and down removes what that left",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      for (const ms of [15, 30, 50, 80, 120, 200]) {
        await labs.startAndKill(ms, "up", lab, "--nodes", "2");
        if (ms % 20 !== 0) {
          labs.ok("up", lab, "--nodes", "2");
          expect(labs.broken(lab)).toEqual([]);
        }
        // Killed early, it has made nothing.
        if (existsSync(join(labs.folder, lab))) labs.ok("down", lab);
        expect(existsSync(groupOf(lab))).toBe(false);
      }
    },
    limitMs,
  );

  test(
    "a lab mounts cgroup v2 itself where it is nowhere, and takes it away",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      const script = `umount -l ${groupOf("..")} && "$0" lab up ${lab} && "$0" lab status ${lab} -o json && "$0" lab down ${lab} && cat /proc/mounts`;
      const { exitCode, stdout, stderr } = labs.apart(script);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(stdout).toContain("is gone");
      expect(stdout).not.toContain(" cgroup2 ");
      expect(existsSync(labs.folder)).toBe(false);
    },
    limitMs,
  );

  const halves: readonly (readonly [what: string, damage: (labs: TestLabs, lab: string) => void])[] = [
    ["its processes", (_, lab) => killGroup(groupOf(lab))],
    ["its folder", (labs, lab) => rmSync(join(labs.folder, lab), { recursive: true })],
    ["what was wanted of it", (labs, lab) => rmSync(join(labs.folder, lab, "lab.json"))],
    ["the sense of its lab.json", (labs, lab) => writeFileSync(join(labs.folder, lab, "lab.json"), "{")],
  ];
  for (const [what, damage] of halves) {
    test(
      `down removes a lab that has lost ${what}`,
      async () => {
        await using labs = await TestLabs.open();
        const lab = labs.name();
        labs.ok("up", lab, "--nodes", "1");
        damage(labs, lab);
        labs.ok("down", lab);
        expect(processesOf(lab)).toEqual([]);
        expect(existsSync(groupOf(lab))).toBe(false);
        expect(existsSync(join(labs.folder, lab))).toBe(false);
      },
      limitMs,
    );
  }
});
