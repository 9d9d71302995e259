// What streams, as the oldest and the newest kubectl of the machine ask for it: SPDY/3.1 and WebSocket, through API server and kubelet.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { kubectls, limitMs, patienceMs, StreamingTarget } from "#test/lab/streaming-target.ts";
import { until } from "#test/until.ts";

const stack = new AsyncDisposableStack();
let target: StreamingTarget;
beforeAll(async () => {
  target = stack.use(await StreamingTarget.open());
}, limitMs);
afterAll(async () => await stack.disposeAsync(), limitMs);

/** A port-forward that is ready, by the port it listens on here. */
async function forwarded(path: string, port: number) {
  const args = ["port-forward", "pod/target", `:${port}`];
  const child = Bun.spawn([path, ...args], { ...target.surroundings, stdout: "pipe", stderr: "pipe" });
  const lines = child.stdout.getReader();
  const first = Buffer.from((await lines.read()).value ?? []).toString();
  lines.releaseLock();
  const [, local] = /127\.0\.0\.1:(\d+)/.exec(first) ?? [];
  if (local === undefined) throw new Error(`kubectl ${args.join(" ")} does not listen: ${await child.stderr.text()}`);
  const close = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  return { local: Number(local), stderr: child.stderr, [Symbol.asyncDispose]: close };
}

/** What a server at that port answers to bytes, once it has all of them. */
async function exchange(port: number, bytes: Uint8Array): Promise<Buffer> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  socket.setTimeout(patienceMs, () => socket.destroy(new Error("no answer")));
  socket.end(bytes);
  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece);
  return Buffer.concat(pieces);
}

const badRequest = "Error from server (BadRequest): ";

for (const { minor, path } of kubectls) {
  const exec = (container: string, ...command: readonly string[]) => [
    "exec",
    "target",
    "-c",
    container,
    "--",
    ...command,
  ];
  const execInput = (container: string, ...command: readonly string[]) => {
    return ["exec", "-i", "target", "-c", container, "--", ...command];
  };

  describe(`kubectl 1.${minor}`, () => {
    test("exec keeps outputs apart and tells the exit code", async () => {
      const { exitCode, stdout, stderr } = await target.run(
        path,
        exec("web", "sh", "-c", "echo out; echo err > /dev/stderr; exit 3"),
      );
      expect([exitCode, stdout]).toEqual([3, "out\n"]);
      expect(stderr).toBe("err\ncommand terminated with exit code 3\n");
    });

    const ends: readonly (readonly [what: string, command: readonly string[], code: number, said: string])[] = [
      ["a program that is missing", ["nonesuch"], 127, "Cannot execute nonesuch: No such file or directory"],
      ["a file that is no program", ["/etc/passwd"], 126, "Cannot execute /etc/passwd: Permission denied"],
      ["a killed program", ["sh", "-c", "kill -9 $$"], 137, ""],
    ];
    for (const [what, command, code, said] of ends) {
      test(`exec of ${what} ends with ${code}`, async () => {
        const { exitCode, stderr } = await target.run(path, exec("web", ...command));
        expect({ exitCode, stderr }).toEqual({ exitCode: code, stderr: expect.stringContaining(said) });
      });
    }

    test(
      "exec -i carries megabytes both ways, and the end of the input",
      async () => {
        const bytes = randomBytes(3_000_000);
        expect(await target.ok(path, execInput("web", "cat"), bytes)).toBe(bytes.toString("latin1"));
      },
      limitMs,
    );

    test("exec does not wait for what a program leaves behind", async () => {
      expect(await target.ok(path, exec("web", "sh", "-c", "sleep 30 & echo done"))).toBe("done\n");
    });

    test("exec in a container that does not run, or in what is not there, says so", async () => {
      expect((await target.run(path, exec("nobody", "ls"))).stderr).toContain(
        "container nobody is not valid for pod target",
      );
      const ended = await target.run(path, exec("ended", "ls"));
      expect([ended.exitCode, ended.stderr]).toEqual([
        1,
        `${badRequest}Cannot enter container "ended": it does not run\n`,
      ]);
      expect((await target.run(path, ["exec", "nobody", "--", "ls"])).stderr).toContain('pods "nobody" not found');
    });

    test(
      "exec -it has a terminal, whose size follows",
      async () => {
        let seen = "";
        const terminal = {
          cols: 100,
          rows: 30,
          data: (_: unknown, bytes: Uint8Array) => {
            seen += Buffer.from(bytes).toString();
          },
        };
        const command = ["exec", "-it", "target", "-c", "web", "--", "sh"];
        const child = Bun.spawn([path, ...command], { ...target.surroundings, terminal, timeout: patienceMs });
        const type = (text: string) => child.terminal?.write(text);
        await until(() => seen.includes("# "), "there is a prompt");
        type("tty; stty size\n");
        await until(() => seen.includes("30 100"), "the first size is there");
        expect(seen).toContain("/dev/pts/");
        child.terminal?.resize(120, 50);
        await until(() => {
          type("stty size\n");
          return seen.includes("50 120");
        }, "the size has changed");
        type("sleep 1234\n");
        await until(() => target.isRunning("sleep 1234"), "the program runs");
        type("\x03");
        await until(() => !target.isRunning("sleep 1234"), "the program was interrupted");
        type("exit 9\n");
        expect(await child.exited).toBe(9);
      },
      limitMs,
    );

    test("a client that is killed takes its program along", async () => {
      const words = `sleep 1${minor}.1`;
      const child = Bun.spawn([path, ...exec("web", "sh", "-c", `${words}; true`)], target.surroundings);
      await until(() => target.isRunning(words), "the program runs");
      child.kill("SIGKILL");
      await until(() => !target.isRunning(words), "the program is gone");
    });

    test(
      "a client that is killed while nobody reads its input does so, too",
      async () => {
        const words = `sleep 1${minor}.2`;
        const options = { ...target.surroundings, stdin: "pipe", stderr: "ignore" } as const;
        const child = Bun.spawn([path, ...execInput("web", "sh", "-c", `${words}; true`)], options);
        void Promise.resolve(child.stdin.write(new Uint8Array(20_000_000))).catch(() => undefined);
        await until(() => target.isRunning(words), "the program runs");
        await Bun.sleep(300);
        child.kill("SIGKILL");
        await until(() => !target.isRunning(words), "the program is gone");
      },
      limitMs,
    );

    test(
      "twenty sessions at once do not meet",
      async () => {
        const numbers = Array.from({ length: 20 }, (_, i) => i + 1);
        const results = await Promise.all(
          numbers.map((i) => target.run(path, execInput("web", "sh", "-c", `cat; exit ${i}`), `${i}`)),
        );
        const ended = (i: number) => `command terminated with exit code ${i}\n`;
        expect(results).toEqual(numbers.map((i) => ({ exitCode: i, stdout: `${i}`, stderr: ended(i) })));
      },
      limitMs,
    );

    test(
      "cp copies a folder there and a file back",
      async () => {
        const bytes = randomBytes(200_000);
        const local = join(target.surroundings.cwd, `from-${minor}`);
        mkdirSync(local, { recursive: true });
        writeFileSync(join(local, "file"), bytes);
        await target.ok(path, ["cp", `from-${minor}`, `target:/tmp/to-${minor}`, "-c", "web"]);
        await target.ok(path, ["cp", `target:/tmp/to-${minor}/file`, `back-${minor}`, "-c", "web"]);
        expect(readFileSync(join(target.surroundings.cwd, `back-${minor}`)).equals(bytes)).toBe(true);
      },
      limitMs,
    );

    test(
      "port-forward reaches a server, many times at once",
      async () => {
        await using forward = await forwarded(path, 8080);
        type Facts = { readonly pod: string; readonly client: string };
        const ask = async () =>
          (await (await fetch(`http://127.0.0.1:${forward.local}/`, { keepalive: false })).json()) as Facts;
        const answers = await Promise.all(Array.from({ length: 10 }, ask));
        expect(answers.map(({ pod, client }) => [pod, client])).toEqual(answers.map(() => ["target", "127.0.0.1"]));
      },
      limitMs,
    );

    test(
      "port-forward carries megabytes both ways, and each end by itself",
      async () => {
        await using forward = await forwarded(path, 7);
        const bytes = randomBytes(2_000_000);
        const both = await Promise.all([exchange(forward.local, bytes), exchange(forward.local, Buffer.from("short"))]);
        expect(both.map((answer) => answer.toString("latin1"))).toEqual([bytes.toString("latin1"), "short"]);
      },
      limitMs,
    );

    test("port-forward tells why a port cannot be reached", async () => {
      await using forward = await forwarded(path, 9999);
      await exchange(forward.local, Buffer.from("x")).catch(() => undefined);
      const said = Buffer.from((await forward.stderr.getReader().read()).value ?? []).toString();
      expect(said).toContain("Cannot connect to localhost port 9999: Connection refused");
    });

    test(
      "logs give the end, the time, the run before, and follow until they are left",
      async () => {
        const logs = (...options: readonly string[]) => target.ok(path, ["logs", "target", ...options]);
        expect(await logs("-c", "failing", "--previous")).toBe("run\n");
        expect(await logs("-c", "counter", "--tail", "1")).toMatch(/^line \d+\n$/);
        expect(await logs("-c", "counter", "--limit-bytes", "9")).toBe("line 1\nli");
        expect(await logs("-c", "counter", "--timestamps", "--tail=1")).toMatch(/^\d{4}-\d\d-\d\dT\S+Z line \d+\n$/);
        expect(await logs("-c", "counter", "--since", "1s")).not.toMatch(/^line 1$/m);
        const follow = ["logs", "-f", "target", "-c", "counter", "--tail", "0"];
        const child = Bun.spawn([path, ...follow], { ...target.surroundings, stdout: "pipe" });
        const lines = child.stdout.getReader();
        for (let i = 0; i < 3; i++)
          expect(Buffer.from((await lines.read()).value ?? []).toString()).toMatch(/^line \d+\n/);
        child.kill("SIGKILL");
        await child.exited;
      },
      limitMs,
    );

    test("attach -i types into the container and sees what it says", async () => {
      const options = { ...target.surroundings, stdin: "pipe", stdout: "pipe", stderr: "ignore" } as const;
      const child = Bun.spawn([path, "attach", "-i", "target", "-c", "reader"], options);
      child.stdin.write(`word ${minor}\n`);
      await child.stdin.flush();
      expect(Buffer.from((await child.stdout.getReader().read()).value ?? []).toString()).toBe(`got word ${minor}\n`);
      child.kill("SIGKILL");
      await child.exited;
    });

    test(
      "run -i gives the output and the exit code, and removes its pod",
      async () => {
        const command = ["run", `once-${minor}`, "--rm", "-i", "--restart=Never", "--image=lab/shell", "--quiet"];
        const script = 'read x; echo "you said $x"; exit 4';
        const { exitCode, stdout, stderr } = await target.run(
          path,
          [...command, "--", "sh", "-c", script],
          "something\n",
        );
        expect([exitCode, stdout.split("\n")[0], stderr]).toEqual([4, "you said something", expect.any(String)]);
      },
      limitMs,
    );
  });
}
