// What streams, as the oldest and the newest kubectl of the machine ask for it: SPDY/3.1 and WebSocket, through API server and kubelet.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { processesBelow } from "#lab/cgroup.ts";
import { groupOf, TestLabs } from "#test/lab.ts";
import { kubectlVersions } from "#test/peers/kubectl.ts";

const limitMs = 60_000;
const patienceMs = 15_000;

// The echo server answers only when its client has nothing more to say: that needs ends that travel one way.
const echo =
  "use IO::Socket; $s = IO::Socket::INET->new(Listen => 9, LocalPort => 7, ReuseAddr => 1);" +
  "while ($c = $s->accept) { if (fork) { close $c; next } local $/; $d = <$c>; print $c $d; exit }";
const counter = 'i=0; while :; do i=$((i+1)); echo "line $i"; [ $i -lt 5 ] || sleep 0.2; done';
const manifest = `
apiVersion: v1
kind: Pod
metadata: {name: target}
spec:
  restartPolicy: Always
  containers:
  - {name: web, image: shop/frontend, ports: [{containerPort: 8080}]}
  - {name: echo, image: lab/shell, command: [perl, -e, '${echo.replaceAll("'", "''")}']}
  - {name: counter, image: lab/shell, command: [sh, -c, '${counter}']}
  - {name: reader, image: lab/shell, stdin: true, command: [sh, -c, 'while read x; do echo "got $x"; done']}
  - {name: failing, image: lab/shell, command: [sh, -c, 'echo run; sleep 0.3; exit 1']}
`;

let labs: TestLabs;
let lab = "";

beforeAll(async () => {
  labs = await TestLabs.open();
  lab = labs.name();
  labs.ok("up", lab, "--nodes", "1");
  writeFileSync(join(labs.folder, "pod.yaml"), manifest);
  const [newest = ""] = kubectls.slice(-1).map(({ path }) => path);
  await ok(newest, ["apply", "-f", join(labs.folder, "pod.yaml")]);
  await until("the failing container runs again", async () => {
    const count = "jsonpath={.status.containerStatuses[?(@.name=='failing')].restartCount}";
    return (await ok(newest, ["get", "pod", "target", "-o", count])) >= "1";
  });
}, limitMs);

afterAll(async () => {
  labs.run("down", lab);
  await labs[Symbol.asyncDispose]();
}, limitMs);

const all = kubectlVersions();
const kubectls = all.length === 1 ? all : all.filter((_, i) => i === 0 || i === all.length - 1);

function surroundings() {
  const home = join(labs.folder, "home");
  mkdirSync(home, { recursive: true });
  const kubeconfig = join(labs.folder, lab, "control", "admin.kubeconfig");
  return { cwd: home, env: { PATH: process.env["PATH"] ?? "", HOME: home, KUBECONFIG: kubeconfig } };
}

/** Runs a command to its end; `input` is what it reads. */
async function run(path: string, args: readonly string[], input: Uint8Array | string = "") {
  const options = { ...surroundings(), stdin: Buffer.from(input), timeout: patienceMs } as const;
  const child = Bun.spawn([path, ...args], { ...options, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([child.stdout.bytes(), child.stderr.text()]);
  return { exitCode: await child.exited, stdout: Buffer.from(stdout).toString("latin1"), stderr };
}

async function ok(path: string, args: readonly string[], input: Uint8Array | string = ""): Promise<string> {
  const { exitCode, stdout, stderr } = await run(path, args, input);
  if (exitCode !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${exitCode}: ${stderr}`);
  return stdout;
}

async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + patienceMs; performance.now() < end; await Bun.sleep(50))
    if (await isTrue()) return;
  throw new Error(`It did not happen that ${what}`);
}

/** Whether a process of the lab was executed with these words. */
function isRunning(words: string): boolean {
  return processesBelow(groupOf(lab)).some((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1") === `${words.replaceAll(" ", "\0")}\0`;
    } catch {
      return false;
    }
  });
}

/** A port-forward that is ready, by the port it listens on here. */
async function forwarded(path: string, port: number) {
  const args = ["port-forward", "pod/target", `:${port}`];
  const child = Bun.spawn([path, ...args], { ...surroundings(), stdout: "pipe", stderr: "pipe" });
  const lines = child.stdout.getReader();
  const first = Buffer.from((await lines.read()).value ?? []).toString();
  lines.releaseLock();
  const local = Number(/127\.0\.0\.1:(\d+)/.exec(first)?.[1]);
  const close = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  return { local, stderr: child.stderr, [Symbol.asyncDispose]: close };
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
      const { exitCode, stdout, stderr } = await run(
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
        const { exitCode, stderr } = await run(path, exec("web", ...command));
        expect(exitCode).toBe(code);
        expect(stderr).toContain(said);
      });
    }

    test(
      "exec -i carries megabytes both ways, and the end of the input",
      async () => {
        const bytes = randomBytes(3_000_000);
        expect(await ok(path, execInput("web", "cat"), bytes)).toBe(bytes.toString("latin1"));
      },
      limitMs,
    );

    test("exec does not wait for what a program leaves behind", async () => {
      expect(await ok(path, exec("web", "sh", "-c", "sleep 30 & echo done"))).toBe("done\n");
    });

    test("exec in a container or a pod that is not there says so", async () => {
      expect((await run(path, exec("nobody", "ls"))).stderr).toContain("container nobody is not valid for pod target");
      expect((await run(path, ["exec", "nobody", "--", "ls"])).stderr).toContain('pods "nobody" not found');
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
        const child = Bun.spawn([path, ...command], { ...surroundings(), terminal, timeout: patienceMs });
        const type = (text: string) => child.terminal?.write(text);
        await until("there is a prompt", () => seen.includes("# "));
        type("tty; stty size\n");
        await until("the first size is there", () => seen.includes("30 100"));
        expect(seen).toContain("/dev/pts/");
        child.terminal?.resize(120, 50);
        await until("the size has changed", () => {
          type("stty size\n");
          return seen.includes("50 120");
        });
        type("sleep 1234\n");
        await until("the program runs", () => isRunning("sleep 1234"));
        type("\x03");
        await until("the program was interrupted", () => !isRunning("sleep 1234"));
        type("exit 9\n");
        expect(await child.exited).toBe(9);
      },
      limitMs,
    );

    test("a client that is killed takes its program along", async () => {
      const words = `sleep 1${minor}.1`;
      const child = Bun.spawn([path, ...exec("web", "sh", "-c", `${words}; true`)], surroundings());
      await until("the program runs", () => isRunning(words));
      child.kill("SIGKILL");
      await until("the program is gone", () => !isRunning(words));
    });

    test(
      "a client that is killed while nobody reads its input does so, too",
      async () => {
        const words = `sleep 1${minor}.2`;
        const options = { ...surroundings(), stdin: "pipe", stderr: "ignore" } as const;
        const child = Bun.spawn([path, ...execInput("web", "sh", "-c", `${words}; true`)], options);
        void Promise.resolve(child.stdin.write(new Uint8Array(20_000_000))).catch(() => undefined);
        await until("the program runs", () => isRunning(words));
        await Bun.sleep(300);
        child.kill("SIGKILL");
        await until("the program is gone", () => !isRunning(words));
      },
      limitMs,
    );

    test(
      "twenty sessions at once do not meet",
      async () => {
        const numbers = Array.from({ length: 20 }, (_, i) => i + 1);
        const results = await Promise.all(
          numbers.map((i) => run(path, execInput("web", "sh", "-c", `cat; exit ${i}`), `${i}`)),
        );
        expect(results.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual(numbers.map((i) => [i, `${i}`]));
      },
      limitMs,
    );

    test(
      "cp copies a folder there and a file back",
      async () => {
        const bytes = randomBytes(200_000);
        const local = join(surroundings().cwd, `from-${minor}`);
        mkdirSync(local, { recursive: true });
        writeFileSync(join(local, "file"), bytes);
        await ok(path, ["cp", `from-${minor}`, `target:/tmp/to-${minor}`, "-c", "web"]);
        await ok(path, ["cp", `target:/tmp/to-${minor}/file`, `back-${minor}`, "-c", "web"]);
        expect(readFileSync(join(surroundings().cwd, `back-${minor}`)).equals(bytes)).toBe(true);
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
        const logs = (...options: readonly string[]) => ok(path, ["logs", "target", ...options]);
        expect(await logs("-c", "failing", "--previous")).toBe("run\n");
        expect(await logs("-c", "counter", "--tail", "1")).toMatch(/^line \d+\n$/);
        expect(await logs("-c", "counter", "--limit-bytes", "9")).toBe("line 1\nli");
        expect(await logs("-c", "counter", "--timestamps", "--tail=1")).toMatch(/^\d{4}-\d\d-\d\dT\S+Z line \d+\n$/);
        expect((await logs("-c", "counter", "--since", "1s")).split("\n").length).toBeLessThan(8);
        const follow = ["logs", "-f", "target", "-c", "counter", "--tail", "0"];
        const child = Bun.spawn([path, ...follow], { ...surroundings(), stdout: "pipe" });
        const lines = child.stdout.getReader();
        for (let i = 0; i < 3; i++)
          expect(Buffer.from((await lines.read()).value ?? []).toString()).toMatch(/^line \d+\n/);
        child.kill("SIGKILL");
        await child.exited;
      },
      limitMs,
    );

    test("attach -i types into the container and sees what it says", async () => {
      const options = { ...surroundings(), stdin: "pipe", stdout: "pipe", stderr: "ignore" } as const;
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
        const { exitCode, stdout } = await run(path, [...command, "--", "sh", "-c", script], "something\n");
        expect([exitCode, stdout.split("\n")[0]]).toEqual([4, "you said something"]);
      },
      limitMs,
    );
  });
}
