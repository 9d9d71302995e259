// The agent stopped and started again: what it finds, puts back, replays, adopts, and refuses.

import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodes } from "#kube/resource.ts";
import { addressAt, startNode } from "#test/agent.ts";
import { until } from "#test/until.ts";

// Loading the programs takes a machine that is busy a second or more, and some agents start here twice.
setDefaultTimeout(120_000);

const both = ["10.244.1.0/24", "fd00:10:244:1::/64"];
const reaches = (address: string) => ["ping", "-c", "1", "-W", "10", "-n", address];

describe("forwarding", () => {
  test("that somebody turns off is on again in a moment, and the node keeps to advertisements", async () => {
    await using it = await startNode(both);
    const switches = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"];
    const on = () => it.node.sh("sysctl", "-n", ...switches) === "1\n1\n";
    expect(on()).toBe(true);
    it.node.sh("ip", "link", "add", "uplink", "type", "bridge");
    it.node.sh("sysctl", "-qw", "net.ipv6.conf.uplink.accept_ra=1");
    it.node.sh("sysctl", "-qw", ...switches.map((each) => `${each}=0`));
    await until(on, "it is on");
    expect(it.node.sh("sysctl", "-n", "net.ipv6.conf.uplink.accept_ra")).toBe("2\n");
    const said = it.node.log.filter((line) => line.startsWith("forwarding: "));
    expect(new Set(said)).toEqual(new Set(switches.map((each) => `forwarding: put back ${each}`)));
  });
});

describe("a node's own address", () => {
  const sourceTo = (it: Awaited<ReturnType<typeof startNode>>, address: string) =>
    / src (\S+)/.exec(it.box.run(it.node.netns, ["ip", "route", "get", address]).stdout)?.[1];

  test("is the one that its pods see it under, whatever others it has, and when it is back after it was gone", async () => {
    await using it = await startNode(both);
    // Ahead of all others, as the addresses of services are on some nodes.
    for (const other of ["10.96.0.10/32", "fd00:10:96::a/128"]) it.node.sh("ip", "address", "add", other, "dev", "lo");
    const { result } = await it.node.addPod("a");
    const [four, six] = [addressAt(result, 0), addressAt(result, 1)];
    expect([sourceTo(it, four), sourceTo(it, six)]).toEqual(["172.30.0.11", "fd00:30::11"]);
    // The kernel takes routes along with the source that they name.
    it.node.sh("ip", "address", "del", "172.30.0.11/32", "dev", "lo");
    await until(() => sourceTo(it, four) === "10.96.0.10", "pods are reached all the same");
    it.node.sh("ip", "address", "add", "172.30.0.11/32", "dev", "lo");
    await until(() => sourceTo(it, four) === "172.30.0.11", "the node speaks as itself");
    await it.node.stopAgent();
    await it.node.startAgent();
    expect(it.node.log.filter((line) => line.includes("put back")).length).toBe(2);
  });
});

describe("an agent that starts again", () => {
  test("mends what was damaged meanwhile, gives no address twice, and replays queued deletes", async () => {
    await using it = await startNode(both);
    const [a, b, c] = [await it.node.addPod("a"), await it.node.addPod("b"), await it.node.addPod("c")];
    await it.node.stopAgent();
    expect(it.box.run(a.netns, reaches(addressAt(b.result, 1)))).toMatchObject({ exitCode: 0 });
    expect(await it.node.cni("DEL", "b", b.netns.path)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(JSON.parse((await it.node.cni("ADD", "d", b.netns.path)).stdout)).toMatchObject({ code: 11 });
    expect(JSON.parse((await it.node.cni("STATUS", "", "")).stdout)).toMatchObject({ code: 50 });
    expect(readdirSync(it.node.config.cni.deletes)).toEqual(["b:eth0"]);
    it.node.sh("ip", "route", "del", addressAt(c.result, 0));
    await it.node.startAgent();
    expect(readdirSync(it.node.config.cni.deletes)).toEqual([]);
    expect(it.node.agent.endpoints.list().map(({ containerId }) => containerId)).toEqual(["a", "c"]);
    expect(it.box.run(a.netns, reaches(addressAt(c.result, 0)))).toMatchObject({ exitCode: 0 });
    expect((await it.node.addPod("d")).result.ips[0]?.address).toBe("10.244.1.4/32");
  });

  test("with its state lost leaves pods alone, keeps their addresses from others, and removes them when asked", async () => {
    await using it = await startNode(both);
    const a = await it.node.addPod("a");
    await it.node.stopAgent();
    rmSync(it.node.config.state.folder, { recursive: true });
    await it.node.startAgent();
    expect(it.node.sh(...reaches(addressAt(a.result, 0)))).toContain(" 0% packet loss");
    expect((await it.node.addPod("b")).result.ips[0]?.address).toBe("10.244.1.2/32");
    expect(await it.node.cni("DEL", "a", a.netns.path)).toMatchObject({ exitCode: 0 });
    expect(it.node.agent.endpoints.strangers()).toEqual([]);
  });

  test("goes on with what it knew of its node while no API server answers", async () => {
    await using it = await startNode(both);
    await it.node.addPod("a");
    await it.node.stopAgent();
    await it.server.client.remove(nodes, { name: "n1" });
    await it.node.startAgent();
    expect((await it.node.addPod("b")).result.ips[0]?.address).toBe("10.244.1.2/32");
  });

  test("forgets the endpoints of a node that was restarted meanwhile", async () => {
    await using it = await startNode(both);
    const a = await it.node.addPod("a");
    await it.node.stopAgent();
    it.node.moveToNewNamespace();
    await it.node.startAgent();
    expect(it.node.agent.endpoints.list()).toEqual([]);
    expect(it.node.log.join("\n")).toContain("the node was restarted: 1 endpoints of before are forgotten");
    expect(await it.node.cni("DEL", "a", a.netns.path)).toMatchObject({ exitCode: 0 });
  });

  test("collects what the runtime does not know any more, and nothing of other networks", async () => {
    await using it = await startNode(both);
    for (const id of ["a", "b"]) await it.node.addPod(id);
    await it.node.addPod("c", { conf: { name: "other" } });
    const conf = { "cni.dev/valid-attachments": [{ containerID: "b", ifname: "eth0" }] };
    expect(await it.node.cni("GC", "", "", { conf })).toMatchObject({ exitCode: 0, stdout: "" });
    expect(it.node.agent.endpoints.list().map(({ containerId }) => containerId)).toEqual(["b", "c"]);
  });
});

describe("an agent that cannot start says in one sentence why", () => {
  test("when another one runs on the node", async () => {
    await using it = await startNode(both);
    await expect(it.node.startAgent()).rejects.toThrow("another service is running there; stop it first");
    await it.node.addPod("a");
  });

  test("when its state file is damaged, is of a newer release, or is locked, and starts once it is away", async () => {
    await using it = await startNode(both);
    const file = join(it.node.config.state.folder, "agent.db");
    await it.node.stopAgent();
    writeFileSync(file, "no database, but a text that is long enough to be looked at as one ".repeat(20));
    await expect(it.node.startAgent()).rejects.toThrow(
      /Cannot use the state file .*agent\.db: file is not a database; .*move it away/,
    );
    rmSync(it.node.config.state.folder, { recursive: true });
    mkdirSync(it.node.config.state.folder);
    using newer = new Database(file);
    newer.run("PRAGMA user_version = 99");
    await expect(it.node.startAgent()).rejects.toThrow(
      "written by a newer Twill (layout 99, this one knows 1): install that one",
    );
    newer.run("PRAGMA user_version = 0");
    newer.run("PRAGMA locking_mode = EXCLUSIVE");
    newer.run("BEGIN EXCLUSIVE");
    await expect(it.node.startAgent()).rejects.toThrow(
      "database is locked; another agent uses it: stop that one first",
    );
    newer.run("COMMIT");
    newer.close();
    await it.node.startAgent();
  });

  test("when the programs cannot be kept, and does without them when told to", async () => {
    const [folder, sentence] = ["/proc/nowhere", "Cannot use the packet path's programs on Linux "];
    await expect(startNode(both, { programs: `{ folder: ${folder} }` })).rejects.toThrow(sentence);
    await using it = await startNode(both, { programs: "{ enabled: false }" });
    const [a, b] = [await it.node.addPod("a"), await it.node.addPod("b")];
    expect(it.box.run(a.netns, reaches(addressAt(b.result, 1)))).toMatchObject({ exitCode: 0 });
    expect(it.node.sh("tc", "qdisc", "show")).not.toContain("clsact");
  });

  test("and answers an ADD so when the disk is full, leaving nothing behind", async () => {
    await using it = await startNode(both);
    await it.node.stopAgent();
    it.node.limitState("160k");
    await it.node.startAgent();
    writeFileSync(join(it.node.config.state.folder, "filler"), "");
    it.box.run(it.node.netns, ["dd", "if=/dev/zero", `of=${it.node.config.state.folder}/filler`, "bs=1k"]);
    const pod = it.box.netns("a");
    const ran = await it.node.cni("ADD", "a", pod.path);
    expect(JSON.parse(ran.stdout).msg).toContain("the disk is full: make room on it");
    expect(it.box.sh(pod, ["ip", "-o", "link"])).not.toContain("eth0");
    // What is known of the cluster goes on changing.
    const labels = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`note-${index}`, "x".repeat(60)]));
    await it.server.client.patch(nodes, { name: "n1" }, "merge", { metadata: { labels } });
    await until(() => it.node.log.some((line) => line.includes("the disk is full: make room on it")), "it is told");
    await it.server.addNode("n2", ["10.244.2.0/24"], ["172.30.0.12"]);
    await until(() => it.node.agent.cluster.others.length === 1, "the other node is known");
    rmSync(join(it.node.config.state.folder, "filler"));
    expect((await it.node.add("a", pod.path)).ips[0]?.address).toBe("10.244.1.1/32");
  });
});
