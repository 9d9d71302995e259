// The shim as a process: answered by a service, replaced by the stand-alone executable, or failing in a CNI error.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Invocation, Outcome } from "#cni/plugin.ts";
import { Sandbox } from "#test/sandbox.ts";
import { Shim } from "#test/shim.ts";
import { decodeRequest } from "./frame.ts";
import { ownNamespaces } from "./identity.ts";
import { servePlugins } from "./server.ts";

let box: Sandbox;
let shim: Shim;
let standIn: string;
beforeAll(() => {
  box = new Sandbox();
  shim = new Shim(box.dir());
  standIn = shim.standIn();
});
afterAll(() => box[Symbol.dispose]());

/** The service hears of the end of a connection a moment after its caller has. */
async function untilUnused(service: { readonly connections: number }): Promise<void> {
  for (let round = 0; service.connections > 0 && round < 3000; round++) await Bun.sleep(10);
  expect(service.connections).toBe(0);
}

function serve(path: string, handle: (invocation: Invocation, signal: AbortSignal) => Promise<Outcome>) {
  return servePlugins({ path, handle, identity: ownNamespaces(), log: () => {} });
}

const silent: Outcome = { exitCode: 0, stdout: "", stderr: "" };

describe("a call that a service takes", () => {
  test("leaves the service's output and exit code", async () => {
    const path = join(box.dir(), "s");
    const rows: Outcome[] = [
      { exitCode: 0, stdout: '{"cniVersion":"1.1.0"}\n', stderr: "" },
      { exitCode: 1, stdout: '{"code":7}', stderr: "a warning \u00e4\n" },
      { exitCode: 255, stdout: "", stderr: "" },
    ];
    let row = silent;
    await using _service = await serve(path, async () => row);
    for (row of rows) expect(await shim.run({ env: { TWILL_PLUGINS_SOCKET: path } })).toEqual(row);
  });

  test("carries name, environment and standard input unchanged", async () => {
    const path = join(box.dir(), "s");
    const seen: Invocation[] = [];
    await using _service = await serve(path, async (invocation) => {
      seen.push(invocation);
      return silent;
    });
    const env = { TWILL_PLUGINS_SOCKET: path, CNI_COMMAND: "ADD", CNI_ARGS: "A=1;B=\u20ac", EMPTY: "" };
    const stdin = new Uint8Array([0, 255, 10, 0]);
    await shim.run({ plugin: "host-local", env, stdin });
    await shim.run({ plugin: "ptp", env });
    expect(seen.map(({ plugin }) => plugin)).toEqual(["host-local", "ptp"]);
    expect(Object.fromEntries(seen[0]?.env ?? [])).toMatchObject(env);
    expect(seen.map((invocation) => invocation.stdin)).toEqual([stdin, new Uint8Array()]);
  });

  test("may be megabytes large both ways", async () => {
    const path = join(box.dir(), "s");
    await using _service = await serve(path, async ({ stdin }) => {
      const text = new TextDecoder().decode(stdin);
      return { exitCode: 4, stdout: text, stderr: text.slice(0, 1_000_000) };
    });
    const text = Array.from({ length: 700_000 }, (_, n) => `${n},`).join("");
    const ran = await shim.run({ env: { TWILL_PLUGINS_SOCKET: path, CNI_COMMAND: "ADD" }, stdin: text });
    expect(ran.exitCode).toBe(4);
    expect(ran.stdout === text).toBe(true);
    expect(ran.stderr === text.slice(0, 1_000_000)).toBe(true);
  });

  test("is one of a hundred at once", async () => {
    const path = join(box.dir(), "s");
    await using service = await serve(path, async ({ stdin }) => {
      await Bun.sleep(50);
      return { ...silent, stdout: new TextDecoder().decode(stdin) };
    });
    const env = { TWILL_PLUGINS_SOCKET: path, CNI_COMMAND: "DEL" };
    const numbers = Array.from({ length: 100 }, (_, n) => `call ${n}`);
    const runs = await Promise.all(numbers.map((stdin) => shim.run({ env, stdin })));
    expect(runs.map(({ stdout }) => stdout)).toEqual(numbers);
    await untilUnused(service);
  });

  test("does not wait for standard input where CNI sends none", async () => {
    const path = join(box.dir(), "s");
    await using _service = await serve(path, async () => ({ ...silent, stdout: "versions" }));
    for (const command of ["VERSION", ""]) {
      const child = shim.spawn({ env: { TWILL_PLUGINS_SOCKET: path, CNI_COMMAND: command } }, "pipe");
      expect(await child.stdout.text()).toBe("versions");
      expect(await child.exited).toBe(0);
    }
  });

  test("is told when the shim is killed", async () => {
    const path = join(box.dir(), "s");
    const began = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<unknown>();
    await using service = await serve(path, async (_, signal) => {
      signal.addEventListener("abort", () => aborted.resolve(signal.reason));
      began.resolve();
      await aborted.promise;
      return silent;
    });
    const child = shim.spawn({ env: { TWILL_PLUGINS_SOCKET: path, CNI_COMMAND: "ADD" } }, Buffer.from("{}"));
    await began.promise;
    child.kill("SIGKILL");
    expect(await aborted.promise).toEqual(new Error("The caller is gone"));
    await untilUnused(service);
  });
});

describe("a call that runs stand-alone", () => {
  const replayed = "stand-alone bridge CNI_COMMAND=ADD stdin={}";

  test("keeps name, environment and standard input", async () => {
    const nowhere = join(box.dir(), "none");
    const env = { TWILL_PLUGINS_SOCKET: nowhere, TWILL_STANDALONE: standIn, CNI_COMMAND: "ADD" };
    expect(await shim.run({ env, stdin: "{}" })).toEqual({ exitCode: 7, stdout: replayed, stderr: "" });
    const big = "x".repeat(3_000_000);
    expect((await shim.run({ env, stdin: big })).stdout.length).toBe(replayed.length - 2 + big.length);
    const version = await shim.run({ env: { ...env, CNI_COMMAND: "VERSION" }, stdin: "{}" });
    expect(version.stdout).toBe("stand-alone bridge CNI_COMMAND=VERSION stdin={}");
  });

  test("is interpreted, but for a daemon", async () => {
    const script = join(box.dir(), "script");
    writeFileSync(script, '#!/bin/sh\necho "$CNI_COMMAND $BUN_JSC_useBaselineJIT"\n', { mode: 0o755 });
    const env = { TWILL_PLUGINS_SOCKET: join(box.dir(), "none"), TWILL_STANDALONE: script, CNI_COMMAND: "ADD" };
    expect((await shim.run({ env, stdin: "{}" })).stdout).toBe("ADD 0\n");
    expect((await shim.run({ plugin: "dhcp", args: ["daemon"], env, stdin: "" })).stdout).toBe("ADD \n");
  });

  test("is one from another network or mount namespace, or from a user namespace that may not connect", async () => {
    const path = join(box.dir(), "s");
    await using _service = await serve(path, async () => ({ ...silent, stdout: "served" }));
    const env = { TWILL_PLUGINS_SOCKET: path, TWILL_STANDALONE: standIn, CNI_COMMAND: "ADD" };
    const rows: [string[], string][] = [
      [[], "served"],
      [["unshare", "-n"], replayed],
      [["unshare", "-m"], replayed],
      [["setpriv", "--reuid", "65534", "--clear-groups", "unshare", "-U", "-r"], replayed],
    ];
    for (const [inside, stdout] of rows) expect((await shim.run({ env, stdin: "{}", inside })).stdout).toBe(stdout);
  });

  test("is one from another root folder, where paths mean something else", async () => {
    await using _service = await serve(join(shim.folder, "s"), async () => ({ ...silent, stdout: "served" }));
    shim.path("bridge");
    const env = { TWILL_PLUGINS_SOCKET: "/s", TWILL_STANDALONE: "/stand-in", CNI_COMMAND: "ADD" };
    const child = Bun.spawn(["/usr/sbin/chroot", shim.folder, "/bridge"], { env, stdin: Buffer.from("{}") });
    expect(await child.stdout.text()).toBe(replayed);
  });

  test("is one with arguments, which no CNI call has", async () => {
    const env = { TWILL_STANDALONE: standIn };
    const ran = await shim.run({ plugin: "dhcp", args: ["daemon", "-x"], env, stdin: "in" });
    expect(ran.stdout).toBe("stand-alone dhcp daemon -x CNI_COMMAND= stdin=in");
  });

  test("finds the executable beside the shim", async () => {
    const other = new Shim(box.dir());
    other.standIn("twill-standalone");
    const env = { TWILL_PLUGINS_SOCKET: "/nowhere", CNI_COMMAND: "ADD" };
    expect((await other.run({ env, stdin: "{}" })).stdout).toBe(replayed);
    const missing = { ...env, TWILL_STANDALONE: "/nowhere/twill" };
    expect((await other.run({ env: missing, stdin: "{}" })).stdout).toBe(replayed);
  });

  test("answers with CNI error 50 when there is no executable either", async () => {
    const hidden = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /usr/local/bin && exec "$@"', "sh"];
    const ran = await shim.run({ env: { TWILL_PLUGINS_SOCKET: "/nowhere", CNI_COMMAND: "ADD" }, inside: hidden });
    expect(ran.exitCode).toBe(1);
    expect(JSON.parse(ran.stdout)).toEqual({
      code: 50,
      msg:
        `Cannot run plugin bridge: no service at /nowhere takes the call, and none of $TWILL_STANDALONE, ` +
        `${shim.folder}/twill-standalone, /usr/local/bin/twill and /usr/bin/twill can be executed: ` +
        `start \`twill plugins\` or install twill`,
    });
  });
});

describe("a service that ends before it answers", () => {
  test("fails ADD with CNI error 11, and has the others run again stand-alone", async () => {
    const path = join(box.dir(), "s");
    using _silentService = Bun.listen({ unix: path, socket: { data: (socket) => void socket.terminate() } });
    const env = { TWILL_PLUGINS_SOCKET: path, TWILL_STANDALONE: standIn };
    const add = await shim.run({ env: { ...env, CNI_COMMAND: "ADD" }, stdin: "{}" });
    expect(add.exitCode).toBe(1);
    expect(JSON.parse(add.stdout)).toEqual({
      code: 11,
      msg: `Cannot add bridge: the service at ${path} ended before it answered; try again`,
    });
    for (const command of ["DEL", "CHECK", "GC", "STATUS", "VERSION"]) {
      const ran = await shim.run({ env: { ...env, CNI_COMMAND: command }, stdin: "{}" });
      expect(ran).toMatchObject({ exitCode: 7, stdout: `stand-alone bridge CNI_COMMAND=${command} stdin={}` });
    }
  });

  test("lets even ADD run stand-alone when it cannot have read the whole call", async () => {
    const path = join(box.dir(), "s");
    using _deafService = Bun.listen({ unix: path, socket: { open: (socket) => void socket.terminate(), data() {} } });
    const env = { TWILL_PLUGINS_SOCKET: path, TWILL_STANDALONE: standIn, CNI_COMMAND: "ADD" };
    const ran = await shim.run({ env, stdin: "x".repeat(2_000_000) });
    expect(ran).toMatchObject({ exitCode: 7 });
  });

  test("does not make the shim believe what is no answer", async () => {
    for (const bytes of ["HTTP/1.1 400 Bad Request\r\n\r\n", "TWAN\u0002\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"]) {
      const path = join(box.dir(), "s");
      using _other = Bun.listen({ unix: path, socket: { data: (socket) => void socket.end(bytes) } });
      const ran = await shim.run({ env: { TWILL_PLUGINS_SOCKET: path, CNI_COMMAND: "ADD" } });
      expect(JSON.parse(ran.stdout)).toMatchObject({ code: 11 });
    }
  });
});

describe("a call that cannot be made", () => {
  test("fails in a CNI error that names the cause", async () => {
    const path = join(box.dir(), "s");
    await using _service = await serve(path, async () => silent);
    const long = `/${"x".repeat(120)}`;
    const asNobody = ["setpriv", "--reuid", "65534", "--clear-groups"];
    const rows: [Parameters<Shim["run"]>[0], number, string][] = [
      [{ env: { TWILL_PLUGINS_SOCKET: path }, inside: asNobody }, 5, `Cannot connect to ${path}: Permission denied`],
      [{ env: { TWILL_PLUGINS_SOCKET: long } }, 4, "a socket's path has at most 107 bytes"],
      [{ env: { TWILL_PLUGINS_SOCKET: `${long}"\\\n` } }, 4, 'x"\\?: a socket'],
      [
        { env: { TWILL_PLUGINS_SOCKET: path, CNI_COMMAND: "ADD" }, stdin: new Uint8Array(16 * 1024 * 1024 + 1) },
        6,
        "standard input holds more than 16777216 bytes",
      ],
    ];
    for (const [call, code, sentence] of rows) {
      const ran = await shim.run(call);
      expect(ran).toMatchObject({ exitCode: 1, stderr: "" });
      const error = JSON.parse(ran.stdout);
      expect(error.code).toBe(code);
      expect(error.msg).toContain(sentence);
    }
  });
});

describe("type twill while its agent is away", () => {
  function call(command: string, deletes: string, more: Readonly<Record<string, string>> = {}) {
    const env = { TWILL_PLUGINS_SOCKET: "/nowhere", TWILL_DELETES: deletes, CNI_COMMAND: command, ...more };
    return shim.run({ plugin: "twill", env, stdin: "{}" });
  }

  test("answers each command as CNI asks", async () => {
    const deletes = join(box.dir(), "deletes");
    for (const [command, code] of [
      ["ADD", 11],
      ["CHECK", 11],
      ["STATUS", 50],
    ] as const) {
      const ran = await call(command, deletes);
      expect(ran.exitCode).toBe(1);
      expect(JSON.parse(ran.stdout)).toMatchObject({ code, msg: expect.stringContaining("/nowhere") });
    }
    expect(await call("GC", deletes)).toEqual(silent);
    const version = await call("VERSION", deletes);
    expect(version.exitCode).toBe(0);
    expect(JSON.parse(version.stdout).supportedVersions).toContain("1.1.0");
  });

  test("queues DEL on disk, one file an interface, as the frame the agent would have got", async () => {
    const deletes = join(box.dir(), "deletes");
    const names = { CNI_CONTAINERID: "c-1", CNI_IFNAME: "eth0" };
    for (const round of ["first", "second"]) {
      expect(await call("DEL", deletes, { ...names, ROUND: round })).toEqual(silent);
    }
    await call("DEL", deletes, { ...names, CNI_IFNAME: "eth1" });
    expect(readdirSync(deletes).sort()).toEqual(["c-1:eth0", "c-1:eth1"]);
    const { invocation } = decodeRequest(readFileSync(join(deletes, "c-1:eth0")));
    expect(invocation.plugin).toBe("twill");
    expect(Object.fromEntries(invocation.env)).toMatchObject({ ...names, ROUND: "second", CNI_COMMAND: "DEL" });
    expect(new TextDecoder().decode(invocation.stdin)).toBe("{}");
  });

  test("refuses a DEL that cannot be queued", async () => {
    const folder = box.dir();
    const blocked = join(folder, "file", "deletes");
    writeFileSync(dirname(blocked), "");
    const good = { CNI_CONTAINERID: "c", CNI_IFNAME: "eth0" };
    const rows: [string, Record<string, string>, number, string][] = [
      [folder, { ...good, CNI_CONTAINERID: "../c" }, 4, 'CNI_CONTAINERID "../c"'],
      [folder, { ...good, CNI_CONTAINERID: "" }, 4, 'CNI_CONTAINERID ""'],
      [folder, { ...good, CNI_IFNAME: "a/b" }, 4, 'CNI_IFNAME "a/b"'],
      [folder, { ...good, CNI_IFNAME: "x".repeat(16) }, 4, "a name is invalid"],
      [blocked, good, 5, `Cannot queue the delete as ${blocked}/c:eth0: Not a directory`],
    ];
    for (const [deletes, names, code, sentence] of rows) {
      const ran = await call("DEL", deletes, names);
      expect(ran.exitCode).toBe(1);
      expect(JSON.parse(ran.stdout)).toMatchObject({ code, msg: expect.stringContaining(sentence) });
    }
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  test("leaves nothing half-written when the disk is full", async () => {
    const folder = box.dir();
    const small = join(folder, "small");
    mkdirSync(small);
    const full = ["unshare", "-m", "sh", "-c", `mount -t tmpfs -o size=4k none ${small} && "$@"; ls -A ${small}`, "sh"];
    const names = { CNI_CONTAINERID: "c", CNI_IFNAME: "eth0" };
    const env = { TWILL_PLUGINS_SOCKET: "/nowhere", TWILL_DELETES: small, CNI_COMMAND: "DEL", ...names };
    const ran = await shim.run({ plugin: "twill", env, stdin: "x".repeat(100_000), inside: full });
    expect(JSON.parse(ran.stdout)).toMatchObject({ code: 5, msg: expect.stringContaining("No space left on device") });
    expect(existsSync(join(small, "c:eth0"))).toBe(false);
  });
});
