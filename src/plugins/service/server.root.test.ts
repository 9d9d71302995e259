// The service as its callers and its rivals meet it: limits, bad frames, slow readers, one service a path, and the end.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Outcome } from "#cni/plugin.ts";
import { Sandbox } from "#test/sandbox.ts";
import { Shim } from "#test/shim.ts";
import { until } from "#test/until.ts";
import { type Answer, decodeAnswer, encodeRequest } from "./frame.ts";
import { ownNamespaces } from "./identity.ts";
import { type ServiceOptions, servePlugins } from "./server.ts";
import { SocketPathError } from "./socket-path.ts";

let box: Sandbox;
let shim: Shim;
let standIn: string;
beforeAll(() => {
  box = new Sandbox();
  shim = new Shim(box.dir());
  standIn = shim.standIn();
});
afterAll(() => box[Symbol.dispose]());

const done: Outcome = { exitCode: 0, stdout: "done", stderr: "" };

function serve(path: string, options: Partial<ServiceOptions> = {}) {
  return servePlugins({ path, handle: async () => done, identity: ownNamespaces(), log: () => {}, ...options });
}

function request(stdin = ""): Uint8Array {
  const invocation = { plugin: "bridge", env: new Map<string, string>(), stdin: new TextEncoder().encode(stdin) };
  return encodeRequest({ caller: ownNamespaces(), invocation });
}

/** Sends `bytes` and reads until the service closes; slowly when asked to. */
async function exchange(path: string, bytes: Uint8Array, pauseMs = 0): Promise<Answer> {
  const pieces: Uint8Array[] = [];
  const closed = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    unix: path,
    socket: { data: (_, piece) => void pieces.push(new Uint8Array(piece)), close: () => closed.resolve() },
  });
  socket.write(bytes);
  if (pauseMs > 0) {
    socket.pause();
    await Bun.sleep(pauseMs);
    socket.resume();
  }
  await closed.promise;
  return decodeAnswer(new Uint8Array(Buffer.concat(pieces)));
}

function errorOf(answer: Answer): { code: number; msg: string } {
  if (answer.action !== "answer") throw new Error("The service sent the caller away");
  expect(answer.outcome.exitCode).toBe(1);
  return JSON.parse(answer.outcome.stdout);
}

describe("one connection", () => {
  test("gets all of a large answer although it reads slowly", async () => {
    const path = join(box.dir(), "s");
    const stdout = "0123456789".repeat(600_000);
    await using service = await serve(path, { handle: async () => ({ ...done, stdout }) });
    const answer = await exchange(path, request(), 200);
    expect(answer.action === "answer" && answer.outcome.stdout === stdout).toBe(true);
    await until(() => service.connections === 0);
  });

  test("is told what is wrong with its frame, and the service goes on", async () => {
    const path = join(box.dir(), "s");
    await using service = await serve(path);
    const spoil = (at: number, value: number) => {
      const bytes = request("{}");
      new DataView(bytes.buffer).setUint32(at, value, true);
      return bytes;
    };
    const rows: [Uint8Array, string][] = [
      [new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"), "magic number 0x20544547 is not 0x51525754"],
      [spoil(40, 0x7fffffff), "the standard input of 2147483647 bytes is over the limit of 16777216"],
      [spoil(44, 1), "the reserved field holds 1 instead of 0"],
      [Buffer.concat([request(), new Uint8Array(3)]), "3 bytes left over"],
    ];
    for (const [bytes, sentence] of rows) {
      expect(errorOf(await exchange(path, bytes))).toMatchObject({ code: 6, msg: expect.stringContaining(sentence) });
    }
    expect(await exchange(path, request())).toEqual({ action: "answer", outcome: done });
    await until(() => service.connections === 0);
  });

  test("with a frame of another version is sent to the stand-alone executable of its own", async () => {
    const path = join(box.dir(), "s");
    await using _service = await serve(path);
    const bytes = request();
    new DataView(bytes.buffer).setUint32(4, 2, true);
    expect(await exchange(path, bytes.slice(0, 8))).toEqual({ action: "exec" });
  });

  test("has a limited time for its request", async () => {
    const path = join(box.dir(), "s");
    await using _service = await serve(path, { limits: { receiveTimeoutMs: 60 } });
    const rows = [new Uint8Array(), request().slice(0, 5), request("{}").slice(0, -1)];
    for (const error of await Promise.all(rows.map(async (bytes) => errorOf(await exchange(path, bytes))))) {
      expect(error).toMatchObject({ code: 5, msg: "The request did not arrive within 0.06 s" });
    }
  });

  test("that never takes its answer is dropped", async () => {
    const path = join(box.dir(), "s");
    const stdout = "x".repeat(2_000_000);
    const handle = async () => ({ ...done, stdout });
    await using service = await serve(path, { handle, limits: { answerTimeoutMs: 60 } });
    const stuck = await Bun.connect({ unix: path, socket: { data() {} } });
    stuck.pause();
    stuck.write(request());
    await until(() => service.connections === 1);
    await until(() => service.connections === 0);
    stuck.terminate();
  });

  test("that says more than its request has its call undone", async () => {
    const path = join(box.dir(), "s");
    const [began, aborted] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const handle = async (_: unknown, signal: AbortSignal) => {
      signal.addEventListener("abort", () => aborted.resolve());
      began.resolve();
      await aborted.promise;
      return done;
    };
    await using service = await serve(path, { handle });
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.write(request());
    await began.promise;
    socket.write("more");
    await aborted.promise;
    await until(() => service.connections === 0);
  });

  test("over the limit is told to try again later", async () => {
    const path = join(box.dir(), "s");
    const go = Promise.withResolvers<void>();
    const handle = () => go.promise.then(() => done);
    await using service = await serve(path, { handle, limits: { maxConnections: 2 } });
    const running = [exchange(path, request()), exchange(path, request())];
    await until(() => service.connections === 2);
    expect(errorOf(await exchange(path, request()))).toMatchObject({ code: 11 });
    // The answer comes before all of the request is sent, and the shim still finds it.
    const large = await shim.run({
      env: { TWILL_PLUGINS_SOCKET: path, CNI_COMMAND: "ADD" },
      stdin: "x".repeat(3_000_000),
    });
    expect(JSON.parse(large.stdout)).toMatchObject({ code: 11, msg: expect.stringContaining("has 2 calls already") });
    go.resolve();
    expect(await Promise.all(running)).toEqual([
      { action: "answer", outcome: done },
      { action: "answer", outcome: done },
    ]);
  });

  test("gets a CNI error for a handler that throws or says too much", async () => {
    const path = join(box.dir(), "s");
    const lines: string[] = [];
    const handle = async (invocation: { stdin: Uint8Array }): Promise<Outcome> => {
      if (invocation.stdin.length > 0) return { ...done, stdout: "x".repeat(17_000_000) };
      throw new Error("Cannot do it");
    };
    await using _service = await serve(path, { handle, log: (line) => lines.push(line) });
    expect(errorOf(await exchange(path, request()))).toMatchObject({ code: 999, msg: "Cannot do it" });
    expect(lines).toEqual(["A call of bridge failed without an outcome: Cannot do it"]);
    const tooLong = errorOf(await exchange(path, request("{}")));
    expect(tooLong.msg).toBe("Cannot send: the output of 17000000 bytes is over the limit of 16777216");
  });
});

describe("a path", () => {
  test("gets a folder and a socket that only root can use", async () => {
    const folder = join(box.dir(), "run", "twill");
    await using _service = await serve(join(folder, "s"));
    expect(statSync(join(folder, "s")).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o022).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(["s", "s.lock"]);
  });

  test("has one service at a time", async () => {
    const path = join(box.dir(), "s");
    const refusal = `Cannot serve on ${path}: another service is running there; stop it first or choose another path`;
    {
      await using _first = await serve(path);
      await expect(serve(path)).rejects.toThrow(refusal);
      rmSync(`${path}.lock`);
      await expect(serve(path)).rejects.toThrow(refusal);
      expect(await exchange(path, request())).toEqual({ action: "answer", outcome: done });
    }
    await using _second = await serve(path);
    expect(await exchange(path, request())).toEqual({ action: "answer", outcome: done });
  });

  test("is taken over from a service that was killed", async () => {
    const path = join(box.dir(), "s");
    const script = join(box.dir(), "service.ts");
    const here = new URL(".", import.meta.url).pathname;
    const program = `
      import { writeFileSync } from "node:fs";
      import { ownNamespaces } from "${here}identity.ts";
      import { servePlugins } from "${here}server.ts";
      const handle = () => new Promise(() => writeFileSync(${JSON.stringify(`${path}.called`)}, ""));
      await servePlugins({ path: ${JSON.stringify(path)}, handle, identity: ownNamespaces(), log() {} });`;
    writeFileSync(script, program);
    const killed = Bun.spawn([process.execPath, script], { stdout: "ignore", stderr: "inherit" });
    await until(() => existsSync(path));
    await expect(serve(path)).rejects.toThrow("another service is running there");
    const env = { TWILL_PLUGINS_SOCKET: path, CNI_COMMAND: "ADD" };
    const call = shim.run({ env, stdin: "{}" });
    await until(() => existsSync(`${path}.called`));
    killed.kill("SIGKILL");
    await killed.exited;
    expect(JSON.parse((await call).stdout)).toMatchObject({ code: 11 });
    expect(existsSync(path)).toBe(true);
    const standAlone = { ...env, TWILL_STANDALONE: standIn };
    expect((await shim.run({ env: standAlone })).stdout).toStartWith("stand-alone bridge");
    await using _service = await serve(path);
    expect((await shim.run({ env })).stdout).toBe("done");
  });

  test("that cannot be served on is refused with the reason", async () => {
    const folder = box.dir();
    const file = join(folder, "file");
    writeFileSync(file, "mine");
    const rows: [string, SocketPathError["reason"], string][] = [
      ["relative/s", "invalid", "the path must be absolute"],
      [`/${"x".repeat(101)}`, "invalid", "the path has more than 101 bytes"],
      [file, "invalid", "a file that is not a socket is there; remove it or choose another path"],
      [join(file, "s"), "inaccessible", "EEXIST"],
      ["/proc/nowhere/s", "inaccessible", "ENOENT"],
    ];
    for (const [path, reason, sentence] of rows) {
      const error = await serve(path).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(SocketPathError);
      expect(error).toMatchObject({ reason, message: expect.stringContaining(sentence) });
    }
    expect(await Bun.file(file).text()).toBe("mine");
    const longest = join(folder, "x".repeat(101 - folder.length - 1));
    await using _service = await serve(longest);
    expect(await exchange(longest, request())).toEqual({ action: "answer", outcome: done });
  });

  test("is made again when its socket is removed, and left to whoever replaced it", async () => {
    const path = join(box.dir(), "s");
    const lines: string[] = [];
    await using _service = await serve(path, { limits: { inspectMs: 10 }, log: (line) => lines.push(line) });
    rmSync(path);
    await until(() => existsSync(path));
    expect(await exchange(path, request())).toEqual({ action: "answer", outcome: done });
    writeFileSync(`${path}.other`, "");
    chmodSync(`${path}.other`, 0o600);
    renameSync(`${path}.other`, path);
    await until(() => lines.length === 2);
    await Bun.sleep(50);
    expect(lines).toEqual([
      `${path} was removed: made it again`,
      `${path} was replaced by another file: no call comes in`,
    ]);
    await _service.stop(0);
    expect(statSync(path).isFile()).toBe(true);
  });
});

describe("the end of a service", () => {
  test("waits for running calls, and sends the others to the stand-alone executable", async () => {
    const path = join(box.dir(), "s");
    const [began, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const handle = async () => {
      began.resolve();
      await go.promise;
      return done;
    };
    const service = await serve(path, { handle });
    const running = exchange(path, request());
    await began.promise;
    const unfinished = exchange(path, request().slice(0, 20));
    await until(() => service.connections === 2);
    const stopped = service.stop(30_000);
    expect(existsSync(path)).toBe(false);
    expect(await unfinished).toEqual({ action: "exec" });
    go.resolve();
    await stopped;
    expect(await running).toEqual({ action: "answer", outcome: done });
    await using _next = await serve(path);
  });

  test("loses no call: each of many is served or run stand-alone", async () => {
    const path = join(box.dir(), "s");
    const env = { TWILL_PLUGINS_SOCKET: path, TWILL_STANDALONE: standIn, CNI_COMMAND: "ADD" };
    const service = await serve(path, { handle: () => Bun.sleep(5).then(() => done) });
    const calls: Promise<string>[] = [];
    for (let n = 0; n < 60; n++) {
      if (n === 30) void service.stop(30_000);
      calls.push(shim.run({ env, stdin: "{}" }).then(({ stdout }) => stdout));
      await Bun.sleep(1);
    }
    const outputs = new Set(await Promise.all(calls));
    await service.stop(0);
    expect(outputs).toEqual(new Set(["done", "stand-alone bridge CNI_COMMAND=ADD stdin={}"]));
  });

  test("aborts calls that outlast the grace, and answers them with what they say", async () => {
    const path = join(box.dir(), "s");
    const undone: Outcome = { exitCode: 1, stdout: "undone", stderr: "" };
    const began = Promise.withResolvers<void>();
    const handle = (_: unknown, signal: AbortSignal) =>
      new Promise<Outcome>((resolve) => {
        signal.addEventListener("abort", () => resolve(undone));
        began.resolve();
      });
    const service = await serve(path, { handle });
    const call = exchange(path, request());
    await began.promise;
    await service.stop(20);
    expect(await call).toEqual({ action: "answer", outcome: undone });
  });

  test("does not wait for ever for a call that ignores its signal", async () => {
    const path = join(box.dir(), "s");
    const lines: string[] = [];
    const began = Promise.withResolvers<void>();
    const handle = () => new Promise<Outcome>(() => began.resolve());
    const service = await serve(path, { handle, limits: { undoMs: 20 }, log: (line) => lines.push(line) });
    const call = shim.run({ env: { TWILL_PLUGINS_SOCKET: path, CNI_COMMAND: "ADD" } });
    await began.promise;
    await service.stop(0);
    expect(JSON.parse((await call).stdout)).toMatchObject({ code: 11 });
    expect(lines).toEqual(["Ended with 1 calls unfinished"]);
  });
});
