// The lab by its commands: what comes up, what is mended, what goes, and what is said of bad input.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { processesIn } from "#lab/cgroup.ts";
import type { LabStatus } from "#lab/world/status.ts";
import { groupOf, processesOf, TestLabs } from "#test/lab.ts";

const limitMs = 60_000;

function statusOf(labs: TestLabs, lab: string): LabStatus {
  return JSON.parse(labs.ok("status", lab, "-o", "json")) as LabStatus;
}

/** What is not as it should be, `node1: lacks kubelet`. */
function broken(labs: TestLabs, lab: string): readonly string[] {
  return statusOf(labs, lab)
    .parts.filter(({ state }) => state !== "up")
    .map(({ name, state }) => `${name}: ${state}`);
}

function kubectl(labs: TestLabs, lab: string, ...words: readonly string[]): string {
  const kubeconfig = join(labs.folder, lab, "control", "admin.kubeconfig");
  const env = { PATH: process.env["PATH"] ?? "", KUBECONFIG: kubeconfig };
  const cache = `--cache-dir=${join(labs.folder, lab, "kubectl")}`;
  const { exitCode, stdout, stderr } = Bun.spawnSync(["kubectl", cache, ...words], { env });
  if (exitCode !== 0) throw new Error(`kubectl ${words.join(" ")}: ${stderr.toString()}`);
  return stdout.toString();
}

/** What the cluster gave a node for its pods. */
function blocksOf(labs: TestLabs, lab: string, node: string): readonly string[] {
  return kubectl(labs, lab, "get", "node", node, "-o", "jsonpath={.spec.podCIDRs[*]}").split(" ");
}

async function within(ms: number, isTrue: () => boolean): Promise<boolean> {
  for (const until = performance.now() + ms; performance.now() < until; await Bun.sleep(20)) if (isTrue()) return true;
  return false;
}

describe("twill lab up and down", () => {
  test(
    "three nodes are Ready, a second up finds all there, and down leaves nothing",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      const up = labs.ok("up", lab);
      expect(up).toContain(`lab "${lab}" is up: 3 nodes, ipv4, l2`);
      // The goal, with a fresh machine in mind: it takes a fifth of that.
      expect(Number(/\(([\d.]+) s\)/.exec(up)?.[1])).toBeLessThan(3);
      expect(broken(labs, lab)).toEqual([]);
      const names = kubectl(labs, lab, "get", "nodes", "-o", "name").trim().split("\n");
      expect(names).toEqual(["node/node1", "node/node2", "node/node3"]);
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
      expect(statusOf(labs, a).parts[1]?.addresses).toEqual(["172.30.0.11"]);
      expect(statusOf(labs, b).parts[1]?.addresses).toEqual(["172.30.0.11", "fd00:30::11"]);
      labs.ok("down", a);
      expect(broken(labs, b)).toEqual([]);
      expect(labs.pings(b, "node1", "fd00:30::2")).toBe(true);
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
        for (const pid of processesIn(join(groupOf(lab), group))) process.kill(pid, "SIGKILL");
        labs.ok("up", lab);
        expect({ group, broken: broken(labs, lab), reaches: labs.pings(lab, "node1", "172.30.12.10") }).toEqual({
          group,
          broken: [],
          reaches: true,
        });
      }
      for (const pid of processesOf(lab)) process.kill(pid, "SIGKILL");
      labs.ok("up", lab);
      expect(broken(labs, lab)).toEqual([]);
      expect(labs.pings(lab, "client", "172.30.12.10")).toBe(true);
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
          expect(broken(labs, lab)).toEqual([]);
        }
        // Killed early, it has made nothing.
        if (existsSync(join(labs.folder, lab))) labs.ok("down", lab);
        expect(existsSync(groupOf(lab))).toBe(false);
      }
    },
    limitMs,
  );

  const halves: readonly (readonly [what: string, damage: (labs: TestLabs, lab: string) => void])[] = [
    ["its processes", (_, lab) => processesOf(lab).forEach((pid) => void process.kill(pid, "SIGKILL"))],
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

describe("twill lab node", () => {
  test(
    "nodes are added, stopped, started with their addresses, crashed and removed",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      labs.ok("up", lab, "--nodes", "1", "--underlay", "l3");
      labs.ok("node", "add", "--lab", lab, "extra");
      expect(statusOf(labs, lab).parts.find(({ name }) => name === "extra")?.addresses).toEqual(["172.30.12.10"]);
      expect(labs.pings(lab, "node1", "172.30.12.10")).toBe(true);
      labs.ok("node", "stop", "--lab", lab, "extra");
      expect(broken(labs, lab)).toEqual(["extra: stopped"]);
      expect(labs.pings(lab, "node1", "172.30.12.10")).toBe(false);
      expect(labs.ok("up", lab)).toContain("was up already");
      labs.ok("node", "start", "--lab", lab, "extra");
      expect(labs.pings(lab, "node1", "172.30.12.10")).toBe(true);
      labs.ok("node", "crash", "--lab", lab, "extra");
      expect(existsSync(join(groupOf(lab), "nodes", "extra"))).toBe(false);
      labs.ok("node", "start", "--lab", lab, "extra");
      labs.ok("node", "remove", "--lab", lab, "extra");
      expect(kubectl(labs, lab, "get", "nodes", "-o", "name").trim()).toBe("node/node1");
      expect(existsSync(join(labs.folder, lab, "nodes", "extra"))).toBe(false);
      expect(broken(labs, lab)).toEqual([]);
    },
    limitMs,
  );

  for (const underlay of ["l2", "l3"]) {
    test(
      `the blocks of nodes are routed over ${underlay} while they have them`,
      async () => {
        await using labs = await TestLabs.open();
        const lab = labs.name();
        labs.ok("up", lab, "--nodes", "2", "--family", "dual", "--underlay", underlay);
        const routes = () => labs.inside(lab, "switch", "sh", "-c", "ip route; ip -6 route").stdout;
        for (const block of blocksOf(labs, lab, "node2")) {
          expect(await within(5000, () => routes().includes(block))).toBe(true);
          const pod = block.replace(/(0\/24|\/64)$/, "9");
          labs.inside(lab, "node2", "ip", "address", "add", pod, "dev", "lo");
          expect(labs.pings(lab, "node1", pod)).toBe(true);
        }
        const [gone = ""] = blocksOf(labs, lab, "node2");
        labs.ok("node", "remove", "--lab", lab, "node2");
        expect(await within(5000, () => !routes().includes(gone))).toBe(true);
      },
      limitMs,
    );
  }
});

describe("twill lab wire", () => {
  for (const underlay of ["l2", "l3"]) {
    test(
      `wires over ${underlay} are cut, healed, lossy and slow, for routed packets as well`,
      async () => {
        await using labs = await TestLabs.open();
        const lab = labs.name();
        labs.ok("up", lab, "--family", "dual", "--underlay", underlay);
        const [two, two6, three] =
          underlay === "l2"
            ? ["172.30.0.12", "fd00:30::12", "172.30.0.13"]
            : ["172.30.12.10", "fd00:30:2::10", "172.30.13.10"];
        // As a pod's: an address behind a node, that the switch routes to.
        const pod = blocksOf(labs, lab, "node2")[0]?.replace("0/24", "9") ?? "";
        labs.inside(lab, "node2", "ip", "address", "add", pod, "dev", "lo");
        expect(await within(5000, () => labs.pings(lab, "node1", pod))).toBe(true);
        labs.ok("wire", "cut", "--lab", lab, "node1", "node2");
        const cut = [two, two6, pod].map((address) => labs.pings(lab, "node1", address));
        expect(cut).toEqual([false, false, false]);
        expect(labs.pings(lab, "node2", three)).toBe(true);
        expect(statusOf(labs, lab).wires).toEqual(["node1 - node2: cut"]);
        labs.ok("wire", "heal", "--lab", lab, "node2", "node1");
        // Neighbours that were asked in vain are asked again within a second.
        for (const address of [two, two6, pod]) {
          expect(await within(5000, () => labs.pings(lab, "node1", address))).toBe(true);
        }
        labs.ok("wire", "loss", "--lab", lab, "node1", "node2", "100%");
        expect(labs.pings(lab, "node1", two)).toBe(false);
        labs.ok("wire", "loss", "--lab", lab, "node1", "node2", "0%");
        labs.ok("wire", "delay", "--lab", lab, "node1", "node2", "30ms");
        for (const address of [two, two6, pod]) {
          const { stdout } = labs.inside(lab, "node1", "ping", "-c", "1", "-W", "2", address);
          const ms = Number(/time=([\d.]+) ms/.exec(stdout)?.[1]);
          expect(ms).toBeGreaterThanOrEqual(60);
        }
        labs.ok("wire", "cut", "--lab", lab, "node1", "control");
        expect(labs.pings(lab, "node1", "172.30.0.2")).toBe(false);
      },
      limitMs,
    );
  }

  test(
    "large transfers pass a slow wire whole",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      labs.ok("up", lab, "--nodes", "2");
      labs.ok("wire", "delay", "--lab", lab, "node1", "node2", "5ms");
      const file = join(labs.folder, lab, "payload");
      writeFileSync(file, Buffer.alloc(500_000, crypto.getRandomValues(new Uint8Array(60_000))));
      const serve = `Bun.serve({ port: 8080, fetch: () => new Response(Bun.file("${file}")) })`;
      const server = labs.start("shell", "--lab", lab, "node2", "--", process.execPath, "-e", serve);
      const command = `timeout 10 sh -c 'until curl -s http://172.30.0.12:8080/ | cmp -s - ${file}; do sleep 0.1; done'`;
      expect(labs.inside(lab, "node1", "sh", "-c", command)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      labs.ok("down", lab);
      await server;
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
      labs.ok("up", lab, "--nodes", "1", "--family", "dual");
      const get = (address: string, ...more: readonly string[]) =>
        labs.inside(lab, "node1", "curl", "-s", ...more, `http://${address}/`).stdout;
      expect(get("203.0.113.10")).toContain("www.example.com greets 172.30.0.11\n");
      expect(get("[2001:db8:113::10]")).toContain("www.example.com greets fd00:30::11\n");
      const pod = blocksOf(labs, lab, "node1")[0]?.replace("0/24", "9") ?? "";
      labs.inside(lab, "node1", "ip", "address", "add", pod, "dev", "lo");
      expect(get("203.0.113.10", "--interface", pod)).toContain("greets 203.0.113.1\n");
    },
    limitMs,
  );
});

describe("twill lab says what is wrong with", () => {
  test("a port that is in use", async () => {
    await using labs = await TestLabs.open();
    const server = createServer().listen(0, "127.0.0.1");
    const address = server.address();
    const port = typeof address === "object" ? String(address?.port) : "";
    const { exitCode, stderr } = labs.run("up", labs.name(), "--port", port);
    server.close();
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      `twill lab up: Cannot listen on 127.0.0.1:${port}: the port is in use; choose another with --port\n`,
    );
  });

  test("a name that a lab of another folder has", async () => {
    await using labs = await TestLabs.open();
    await using others = await TestLabs.open();
    const lab = others.name();
    others.ok("up", lab, "--nodes", "1");
    expect(labs.run("up", lab).stderr).toContain(
      `processes of another one of that name run in ${groupOf(lab)}; end them`,
    );
    expect(broken(others, lab)).toEqual([]);
  });

  test("a user who is not root", () => {
    const command = ["setpriv", "--reuid=65534", "--clear-groups", resolve("dist/twill"), "lab", "up"];
    const { exitCode, stderr } = Bun.spawnSync(command);
    expect(stderr.toString()).toBe(
      "twill lab up: Cannot make network namespaces as user 65534: run it as root, with sudo\n",
    );
    expect(exitCode).toBe(1);
  });

  test("a name that a file has", async () => {
    await using labs = await TestLabs.open();
    const lab = labs.name();
    writeFileSync(join(labs.folder, lab), "");
    expect(labs.run("up", lab).stderr).toBe(
      `twill lab up: Cannot make the lab's folder ${join(labs.folder, lab)}: a file is in the way, choose another name\n`,
    );
  });

  const rows: readonly (readonly [what: string, words: readonly string[], sentence: string])[] = [
    ["a bad name", ["up", "No_Good"], 'Cannot use "No_Good" as the name of a lab'],
    ["too many nodes", ["up", "NAME", "--nodes", "999"], "Cannot make 999 nodes in one lab: 200 are the most"],
    ["an unknown family", ["up", "NAME", "--family", "ipv5"], "--family must be one of ipv4, ipv6, dual"],
    ["a conflist that is not there", ["up", "NAME", "--cni", "/nowhere"], "Cannot use /nowhere as a conflist"],
    ["a lab that is not there", ["status", "NAME"], 'Cannot find lab "NAME": start it with twill lab up NAME'],
    ["a node of no lab", ["node", "stop", "--lab", "NAME", "node1"], 'Cannot find lab "NAME"'],
    ["a share over all", ["wire", "loss", "a", "b", "101%"], "SHARE must be a share of 0% to 100%"],
  ];
  for (const [what, words, sentence] of rows) {
    test(what, async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      const { exitCode, stderr } = labs.run(...words.map((word) => (word === "NAME" ? lab : word)));
      expect(exitCode).not.toBe(0);
      expect(stderr).toContain(sentence.replaceAll("NAME", lab));
      expect(stderr.trim().split("\n").length).toBe(1);
      expect(existsSync(join(labs.folder, lab))).toBe(false);
    });
  }

  test(
    "what a lab that is up cannot do",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      labs.ok("up", lab, "--nodes", "2");
      const sentences: readonly (readonly [readonly string[], string])[] = [
        [["up", lab, "--nodes", "1"], "remove some with twill lab node remove"],
        [["up", lab, "--family", "ipv6"], "it has family ipv4, not ipv6; take it down first, or name another"],
        [["node", "add", "--lab", lab, "node1"], "has one of that name; choose another"],
        [["node", "add", "--lab", lab, "switch"], "the lab has a part of that name"],
        [["node", "stop", "--lab", lab, "node9"], "its nodes are node1, node2"],
        [["wire", "cut", "--lab", lab, "node1", "node9"], "its nodes are node1, node2"],
        [["wire", "cut", "--lab", lab, "node1", "node1"], "name two nodes"],
        [["shell", "--lab", lab, "nobody"], "it is no pod of namespace default, and no part of the lab"],
      ];
      for (const [words, sentence] of sentences) expect(labs.run(...words).stderr).toContain(sentence);
      labs.ok("node", "crash", "--lab", lab, "node2");
      expect(labs.run("shell", "--lab", lab, "node2").stderr).toContain("start it with twill lab node start node2");
    },
    limitMs,
  );
});
