// `twill cni` as its users call it: arguments, cnitool's environment, what is printed where, and the exit code.

import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { finalResult, type RecordingChain, recordingChain } from "#test/recording-chain.ts";
import { runCommand } from "./run-command.ts";

type Ran = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** The hash is what `printf %s /run/netns/c1 | sha512sum` begins with. */
const defaultContainerId = "cnitool-20b4ff582526573bbe7d";

/** Runs `twill cni` against the recording plugins and a folder with the network `net`. */
async function cni(chain: RecordingChain, args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const confDir = join(chain.plugins.folder, "net.d");
  mkdirSync(confDir, { recursive: true });
  const plugins = [
    { type: "main", capabilities: { mac: true } },
    { type: "meta", capabilities: { portMappings: true } },
  ];
  writeFileSync(join(confDir, "10-net.conflist"), JSON.stringify({ cniVersion: "1.1.0", name: "net", plugins }));
  return run([...args, "--cache-dir", chain.runtime.cacheDir], {
    PATH: process.env["PATH"] ?? "",
    NETCONFPATH: confDir,
    CNI_PATH: `/nowhere::${chain.plugins.bin}`,
    ...env,
  });
}

async function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  let stdout = "";
  let stderr = "";
  const exitCode = await runCommand(["cni", ...args], {
    env: new Map(Object.entries(env)),
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
  });
  return { exitCode, stdout, stderr };
}

describe("twill cni", () => {
  test("add prints the result as JSON and names the container as cnitool does", async () => {
    using chain = recordingChain();
    expect(await cni(chain, ["add", "net", "/run/netns/../netns/c1"])).toEqual({
      exitCode: 0,
      stdout: `${JSON.stringify(finalResult, undefined, 4)}\n`,
      stderr: "",
    });
    expect(chain.plugins.calls()[0]).toMatchObject({
      command: "ADD",
      containerId: defaultContainerId,
      netns: "/run/netns/c1",
      ifname: "eth0",
      args: "",
      path: `/nowhere:${chain.plugins.bin}`,
    });
  });

  test("add, check and del go together, and print nothing but the result", async () => {
    using chain = recordingChain();
    await cni(chain, ["add", "net", "/run/netns/c1"]);
    for (const verb of ["check", "del", "del"]) {
      expect(await cni(chain, [verb, "net", "/run/netns/c1"])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    }
    expect(chain.plugins.order().slice(2)).toEqual([
      "CHECK main eth0",
      "CHECK meta eth0",
      "DEL meta eth0",
      "DEL main eth0",
      "DEL meta eth0",
      "DEL main eth0",
    ]);
  });

  test("takes arguments from the environment, and options before it", async () => {
    using chain = recordingChain();
    const env = { CNI_IFNAME: "net1", CNI_ARGS: "IgnoreUnknown=1;A=b", CAP_ARGS: '{"mac":"02:00:00:00:00:01"}' };
    await cni(chain, ["add", "net", "/run/netns/c1"], env);
    await cni(chain, ["add", "-i", "net2", "net", "/run/netns/c1", "--container-id=c1"], env);
    const [first, , second] = chain.plugins.calls();
    expect(first).toMatchObject({ ifname: "net1", args: "IgnoreUnknown=1;A=b" });
    expect(first?.stdin["runtimeConfig"]).toEqual({ mac: "02:00:00:00:00:01" });
    expect(second).toMatchObject({ ifname: "net2", containerId: "c1" });
  });

  test("gc deletes all cached attachments but the kept ones", async () => {
    using chain = recordingChain();
    for (const id of ["c1", "c2"]) await cni(chain, ["add", "net", "/run/netns/x", "--container-id", id]);
    chain.plugins.forget();
    expect((await cni(chain, ["gc", "net", "--keep", "c1:eth0"])).exitCode).toBe(0);
    expect(chain.plugins.order()).toEqual(["DEL meta eth0", "DEL main eth0", "GC main", "GC meta"]);
    expect(chain.plugins.calls()[0]?.containerId).toBe("c2");
    expect(chain.plugins.calls()[2]?.stdin["cni.dev/valid-attachments"]).toEqual([
      { containerID: "c1", ifname: "eth0" },
    ]);
    chain.plugins.forget();
    expect((await cni(chain, ["gc", "net", "/run/netns/ignored"])).exitCode).toBe(0);
    expect(chain.plugins.order()).toEqual(["DEL meta eth0", "DEL main eth0", "GC main", "GC meta"]);
    expect(chain.plugins.calls()[2]?.stdin).not.toContainKey("cni.dev/valid-attachments");
  });

  test("status passes the plugin's objection on", async () => {
    using chain = recordingChain();
    expect((await cni(chain, ["status", "net", "/run/netns/c1"])).exitCode).toBe(0);
    chain.plugins.answer("meta", "STATUS", { stdout: { code: 50, msg: "no pool", details: "add one" }, exitCode: 1 });
    expect(await cni(chain, ["status", "net"])).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: 'plugin type="meta" failed (status): no pool; add one\n',
    });
  });

  test("a failed add leaves what was made, unless told to undo", async () => {
    using chain = recordingChain();
    chain.plugins.answer("meta", "ADD", { stdout: { code: 100, msg: "no" }, exitCode: 1 });
    const failed = { exitCode: 1, stdout: "", stderr: 'plugin type="meta" failed (add): no\n' };
    expect(await cni(chain, ["add", "net", "/run/netns/c1"])).toEqual(failed);
    expect(chain.plugins.order()).toEqual(["ADD main eth0", "ADD meta eth0"]);
    expect(await cni(chain, ["add", "net", "/run/netns/c1", "--undo"])).toEqual(failed);
    expect(chain.plugins.order().slice(4)).toEqual(["DEL meta eth0", "DEL main eth0"]);
  });

  test("passes on what plugins print on stderr", async () => {
    using chain = recordingChain();
    chain.plugins.answer("main", "ADD", { stdout: finalResult, stderr: "a note\n" });
    expect((await cni(chain, ["add", "net", "/run/netns/c1"])).stderr).toBe("a note\n");
  });

  test.each([
    [{ CNI_ARGS: "A" }, 'CNI_ARGS must be KEY=VALUE pairs separated by semicolons, found "A"\n'],
    [{ CNI_ARGS: "A=b;=c" }, 'CNI_ARGS must be KEY=VALUE pairs separated by semicolons, found "=c"\n'],
    [{ CNI_ARGS: "A=b=c" }, 'CNI_ARGS must be KEY=VALUE pairs separated by semicolons, found "A=b=c"\n'],
    [{ CAP_ARGS: "[]" }, 'CAP_ARGS must be a JSON object like {"portMappings": []}, found []\n'],
    [{ CNI_IFNAME: "a/b" }, 'interface name contains / or : or whitespace characters; "a/b"\n'],
    [
      { NETCONFPATH: "/nowhere" },
      "no network configurations found in /nowhere: put a .conflist file there, or name another folder\n",
    ],
  ])("refuses the environment %j with one sentence", async (env, stderr) => {
    using chain = recordingChain();
    expect(await cni(chain, ["add", "net", "/run/netns/c1"], env)).toEqual({ exitCode: 1, stdout: "", stderr });
    expect(chain.plugins.order()).toEqual([]);
  });

  test("check, asked for JSON, answers with CNI's own error object", async () => {
    using chain = recordingChain();
    await cni(chain, ["add", "net", "/run/netns/c1"]);
    chain.plugins.answer("main", "CHECK", { stdout: { code: 100, msg: "no eth0" }, exitCode: 1 });
    const { exitCode, stdout, stderr } = await cni(chain, ["check", "net", "/run/netns/c1", "-ojson"]);
    expect([exitCode, stderr]).toEqual([1, ""]);
    expect(JSON.parse(stdout)).toEqual({
      cniVersion: "1.1.0",
      code: 100,
      msg: 'plugin type="main" failed (check): no eth0',
    });
  });

  test.each([
    [[], "twill cni: a command is missing: add, del, check, gc, status (see 'twill help cni')\n"],
    [["chek"], 'twill cni: there is no command "chek": did you mean "check"? (see \'twill help cni\')\n'],
    [
      ["add"],
      "twill cni add: NETWORK is missing: name of the network, as its configuration file has it (see 'twill help cni add')\n",
    ],
    [["del", "net", ""], "twill cni del: NETNS is missing: path of the network namespace (see 'twill help cni del')\n"],
    [
      ["status", "net", "/ns", "more"],
      "twill cni status: unexpected argument \"more\" (see 'twill help cni status')\n",
    ],
    [
      ["gc", "net", "--keep", "c1"],
      "twill cni gc: --keep must be CONTAINERID:IFNAME, found \"c1\" (see 'twill help cni gc')\n",
    ],
  ])("refuses the arguments %j with one sentence", async (args, stderr) => {
    expect(await run(args)).toEqual({ exitCode: 2, stdout: "", stderr });
  });
});
