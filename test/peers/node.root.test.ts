// A node keeps its places to itself and takes all that runs in it along when it goes.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Sandbox } from "../sandbox.ts";
import { Node } from "./node.ts";

describe("Node", () => {
  test("has a /var/lib/cni of its own, which the test can look into", () => {
    using box = new Sandbox();
    using one = new Node(box);
    using two = new Node(box);
    one.sh(["sh", "-c", "echo mine > /var/lib/cni/file"]);
    expect(two.run(["cat", "/var/lib/cni/file"]).exitCode).toBe(1);
    expect(readFileSync(join(one.outside("/var/lib/cni"), "file"), "utf8")).toBe("mine\n");
  });

  test("shows the network namespaces of its /run/netns outside, and no other mount", () => {
    using box = new Sandbox();
    using node = new Node(box);
    const file = "/run/netns/pod";
    const other = join(node.folder, "other");
    mkdirSync(other);
    const commands = `touch ${file}; mount --bind /proc/self/ns/net ${file}; mount -t tmpfs tmpfs ${other}`;
    node.sh(["unshare", "--net", "sh", "-c", commands]);
    const links = Bun.spawnSync(["nsenter", `--net=${node.outside(file)}`, "ip", "-json", "link"]).stdout.toString();
    expect(JSON.parse(links)).toMatchObject([{ ifname: "lo" }]);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(` ${other} `);
  });

  test("kills every process in it and removes its control groups", () => {
    using box = new Sandbox();
    const group = `/sys/fs/cgroup/${existsSync("/sys/fs/cgroup/pids") ? "pids/" : ""}`;
    let name: string;
    {
      using node = new Node(box);
      name = node.cgroup;
      mkdirSync(join(group, name, "pod"), { recursive: true });
      // In another network namespace and adopted by the node's first process, as a container is.
      const daemon = `echo $$ > ${join(group, name, "pod/cgroup.procs")}; exec sleep 600`;
      node.sh(["sh", "-c", `setsid unshare --net sh -c '${daemon}' >/dev/null 2>&1 &`]);
      const members = () => readFileSync(join(group, name, "pod/cgroup.procs"), "utf8");
      for (let round = 0; members() === "" && round < 3000; round++) Bun.sleepSync(10);
      expect(members()).not.toBe("");
    }
    expect(existsSync(join(group, name))).toBe(false);
  });

  test("start() ends the command with its kill()", () => {
    using box = new Sandbox();
    using node = new Node(box);
    const sleeper = node.start(["sleep", "600"]);
    const running = () => node.run(["pgrep", "--exact", "sleep", "--list-full"]).stdout.includes("sleep 600");
    for (let round = 0; !running() && round < 3000; round++) Bun.sleepSync(10);
    sleeper.kill();
    for (let round = 0; running() && round < 3000; round++) Bun.sleepSync(10);
    expect(running()).toBe(false);
  });
});
