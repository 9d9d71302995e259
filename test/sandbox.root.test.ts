// The sandbox keeps its promises: private namespaces, everything gone afterwards, also after a killed run.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isLeftover, ownPrefix } from "./owner.ts";
import { Sandbox } from "./sandbox.ts";

const namespaces = () => (existsSync("/run/netns") ? readdirSync("/run/netns") : []);

describe("Sandbox", () => {
  test("makes a namespace with only a loopback, up", () => {
    using box = new Sandbox();
    const links = JSON.parse(box.sh(box.netns("host"), ["ip", "-json", "link"]));
    expect(links).toHaveLength(1);
    expect(links[0]).toMatchObject({ ifname: "lo", flags: ["LOOPBACK", "UP", "LOWER_UP"] });
  });

  test("removes namespaces, folders, mounts and processes", () => {
    const box = new Sandbox();
    const host = box.netns("host");
    const folder = box.dir();
    box.sh(host, ["mount", "-t", "tmpfs", "none", box.dir()]);
    writeFileSync(join(folder, "left.txt"), "left");
    const sleeper = box.start(host, ["sleep", "600"]);
    const orphan = Number(box.sh(host, ["sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!"]));
    box[Symbol.dispose]();
    expect({ netns: namespaces().includes(host.name), folder: existsSync(folder) }).toEqual({
      netns: false,
      folder: false,
    });
    expect([sleeper.pid, orphan].filter(isRunning)).toEqual([]);
  });

  test("hands stdin and only the given environment to a command", () => {
    using box = new Sandbox();
    const host = box.netns("host");
    expect(box.sh(host, ["cat"], { stdin: "in" })).toBe("in");
    const env = box
      .sh(host, ["env"], { env: { CNI_COMMAND: "ADD" } })
      .trim()
      .split("\n");
    expect(env.map((line) => line.split("=")[0]).sort()).toEqual([
      "CNI_COMMAND",
      "DBUS_SYSTEM_BUS_ADDRESS",
      "HOME",
      "LC_ALL",
      "PATH",
    ]);
  });

  test("run() reports a failure, sh() throws it with the command's own words", () => {
    using box = new Sandbox();
    const host = box.netns("host");
    const ran = box.run(host, ["ip", "link", "show", "nothing0"]);
    expect(ran).toEqual({ exitCode: 1, stdout: "", stderr: 'Device "nothing0" does not exist.\n' });
    expect(() => box.sh(host, ["ip", "link", "show", "nothing0"])).toThrow('Device "nothing0" does not exist.');
  });

  test("run() kills a command that takes too long", () => {
    using box = new Sandbox();
    const ran = box.run(box.netns("host"), ["sleep", "600"], { timeoutMs: 50 });
    expect(ran).toMatchObject({ stderr: "killed by SIGKILL\n" });
    expect(ran.exitCode).not.toBe(0);
  });

  test("start() keeps what the process writes and tells its exit code", async () => {
    using box = new Sandbox();
    const started = box.start(box.netns("host"), ["sh", "-c", "echo out; echo err >&2; exit 3"]);
    expect(await started.exited).toBe(3);
    expect(started.output()).toBe("out\nerr\n");
  });

  test("two sandboxes at once share no names", () => {
    using one = new Sandbox();
    using two = new Sandbox();
    expect(one.netns("host").name).not.toBe(two.netns("host").name);
    expect(one.dir()).not.toBe(two.dir());
  });

  test("a new sandbox sweeps what a killed run left, and nothing that is in use", () => {
    using mine = new Sandbox();
    const kept = mine.netns("kept");
    const { folder, pid, namespace } = leaveBehind();
    using _sweeper = new Sandbox();
    // A test run beside this one may be sweeping the same things: what it has begun it ends within moments.
    const left = () => existsSync(folder) || namespaces().includes(namespace) || isRunning(pid);
    for (let round = 0; left() && round < 3000; round++) Bun.sleepSync(10);
    expect(left()).toBe(false);
    expect(namespaces()).toContain(kept.name);
  });
});

describe("isLeftover()", () => {
  const own = ownPrefix();
  const rows: readonly (readonly [string, boolean])[] = [
    [`${own}0`, false],
    [`${own}0-1-host`, false],
    [`tw${process.pid}-0-0-1-host`, true], // the same pid, started at another time
    ["tw4194305-1-0", true], // above the highest pid
    ["cni-0d6a", false],
    ["twilight", false],
    ["tw12", false],
  ];
  for (const [name, expected] of rows) {
    test(`${name.replace(own, "OWN-")} is ${expected ? "" : "not "}one`, () => expect(isLeftover(name)).toBe(expected));
  }
});

/** Runs a test process that makes a sandbox with a sleeping process and dies by SIGKILL. */
function leaveBehind(): { folder: string; pid: number; namespace: string } {
  const script = `
    import { Sandbox } from ${JSON.stringify(join(import.meta.dir, "sandbox.ts"))};
    const box = new Sandbox();
    const host = box.netns("host");
    const { pid } = box.start(host, ["sleep", "600"]);
    console.log(JSON.stringify({ folder: box.dir(), pid, namespace: host.name }));
    process.kill(process.pid, "SIGKILL");`;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", script]);
  if (stdout.length === 0) throw new Error(`The test process made no sandbox: ${stderr}`);
  return JSON.parse(stdout.toString());
}

/** Whether the process is there and no zombie. */
function isRunning(pid: number): boolean {
  const { stdout } = Bun.spawnSync(["ps", "-o", "stat=", "-p", String(pid)]);
  return !["", "Z"].includes(stdout.toString().trim().slice(0, 1));
}
