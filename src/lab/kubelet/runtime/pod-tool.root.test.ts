// dist/twill-pod by its roles: what it makes, what it passes on, what it says when it cannot.
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupMount } from "#kernel/cgroup-mount.ts";
import { processesIn, removeGroup } from "#lab/cgroup.ts";
import { Sandbox } from "#test/sandbox.ts";
import { until } from "#test/until.ts";

const tool = new URL("../../../../dist/twill-pod", import.meta.url).pathname;

function run(...args: readonly string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([tool, ...args], { env: { PATH: "/usr/bin:/bin" } });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

function must(...args: readonly string[]): string {
  const { exitCode, stdout, stderr } = run(...args);
  if (exitCode !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
  return stdout.trim();
}

let made = 0;

/** A control group that goes with its processes. */
class Group implements AsyncDisposable {
  readonly path = join(cgroupMount(), `twill-test-${process.pid}-${made++}t`);

  async [Symbol.asyncDispose](): Promise<void> {
    await removeGroup(this.path, Bun.sleep);
  }
}

describe("twill-pod start", () => {
  const rows: readonly (readonly [what: string, args: readonly string[], stdout: string])[] = [
    ["runs a program and passes its output", ["--", "echo", "hello"], "hello\n"],
    ["sets a hostname of its own", ["--new", "uts", "--hostname", "there", "--", "hostname"], "there\n"],
    [
      "replaces the environment",
      ["--clear-env", "--env", "A=b=c", "--env", "PATH=/bin", "--", "env"],
      "A=b=c\nPATH=/bin\n",
    ],
    ["becomes another user", ["--user", "1:2:3", "--", "id"], "uid=1(daemon) gid=2(bin) groups=2(bin),3(sys)\n"],
    [
      "makes ARGV process 1",
      ["--new", "mnt,pid", "--mount", "proc:/proc", "--", "sh", "-c", "echo $$; echo /proc/[0-9]*"],
      "1\n/proc/1\n",
    ],
    [
      "makes a /dev with devices of its own",
      [
        "--new",
        "mnt",
        "--overlay",
        "/tmp",
        "--dev",
        "--",
        "sh",
        "-c",
        "ls /dev | tr '\\n' ' '; echo gone > /dev/null; head -c 2 /dev/zero | wc -c",
      ],
      "fd full net null ptmx pts random shm stderr stdin stdout tty urandom zero 2\n",
    ],
    ["works in a folder", ["--cwd", "/usr", "--", "pwd"], "/usr\n"],
    [
      "sets sysctls of the new network",
      ["--new", "net", "--sysctl", "net.ipv4.ip_forward=1", "--", "cat", "/proc/sys/net/ipv4/ip_forward"],
      "1\n",
    ],
    [
      "binds what was there before the mounts, through links in the way",
      [
        "--new",
        "mnt",
        "--overlay",
        "/tmp",
        "--bind",
        "/etc/passwd:/new/folder/file:ro",
        "--",
        "sh",
        "-c",
        "head -c 4 /new/folder/file; (echo x > /new/folder/file) 2>&- || echo ' ro'",
      ],
      "root ro\n",
    ],
  ];
  for (const [what, args, stdout] of rows) {
    test(what, () => expect(run("start", ...args)).toEqual({ exitCode: 0, stdout, stderr: "" }));
  }

  test("what an overlay gets does not reach the host", () => {
    must(
      "start",
      "--new",
      "mnt",
      "--overlay",
      "/tmp",
      "--",
      "sh",
      "-c",
      "echo x > /twill-was-here && test -e /twill-was-here",
    );
    expect(existsSync("/twill-was-here")).toBe(false);
  });

  test("passes on exit codes and signals", async () => {
    expect(run("start", "--", "sh", "-c", "exit 7").exitCode).toBe(7);
    expect(run("start", "--", "sh", "-c", "kill -9 $$").exitCode).toBe(137);
    const child = Bun.spawn(
      [tool, "start", "--", "sh", "-c", "trap 'exit 9' TERM; echo on; while :; do sleep 0.02; done"],
      { stdout: "pipe" },
    );
    await child.stdout.getReader().read();
    child.kill("SIGTERM");
    expect(await child.exited).toBe(9);
  });

  const faults: readonly (readonly [what: string, args: readonly string[], sentence: string])[] = [
    [
      "an unknown option",
      ["--nope", "x", "--", "ls"],
      "Cannot read --nope: there is no such option, see the top of pod/twill-pod.c\n",
    ],
    ["no program", ["--cwd", "/"], 'Cannot start anything: "-- ARGV" is missing at the end\n'],
    [
      "a program that is not there",
      ["--detach", "--", "twill-nope"],
      "Cannot execute twill-nope: No such file or directory\n",
    ],
    [
      "a process that is not there",
      ["--enter", "4194304:net", "--", "ls"],
      "Cannot enter the namespaces of process 4194304: No such process\n",
    ],
    [
      "a namespace that is none",
      ["--new", "net,moon", "--", "ls"],
      'Cannot find namespace "moon": known are net, mnt, uts, ipc, pid and cgroup\n',
    ],
    [
      "a missing source",
      ["--new", "mnt", "--bind", "/nope:/x", "--", "ls"],
      "Cannot bind /nope: No such file or directory\n",
    ],
    [
      "a sysctl that is none",
      ["--sysctl", "a.b=1", "--", "ls"],
      "Cannot set sysctl a.b to 1: No such file or directory\n",
    ],
  ];
  for (const [what, args, stderr] of faults) {
    test(`says ${what}`, () => expect(run("start", ...args)).toEqual({ exitCode: 1, stdout: "", stderr }));
  }
});

describe("twill-pod run, exec and standin", () => {
  test("a container's output, its end, and what runs beside it", async () => {
    using box = new Sandbox();
    await using group = new Group();
    const [log, status] = [join(box.dir(), "log"), join(box.dir(), "status")];
    const options = [
      "--detach",
      "--cgroup",
      join(group.path, "c"),
      "--monitor-cgroup",
      join(group.path, "m"),
      "--log",
      log,
      "--status",
      status,
    ];
    // The first process of a namespace is spared signals that it does not handle: whoever sends one waits for the last word.
    const script = "trap 'exit 6' TERM; echo out; printf part; echo err >&2; while :; do sleep 0.02; done";
    const pid = must(
      "run",
      ...options,
      "--new",
      "mnt,pid,uts",
      "--hostname",
      "inside",
      "--mount",
      "proc:/proc",
      "--env",
      "MARK=x",
      "--",
      "sh",
      "-c",
      script,
    );
    expect(processesIn(join(group.path, "c"))).toContain(Number(pid));
    expect(JSON.parse(readFileSync(status, "utf8"))).toMatchObject({ pid: Number(pid) });

    const beside = run(
      "exec",
      "--pid",
      pid,
      "--cgroup",
      join(group.path, "c"),
      "--",
      "sh",
      "-c",
      "hostname; echo $MARK; cat /proc/self/cgroup | grep ^0; exit 5",
    );
    expect(beside).toEqual({ exitCode: 5, stdout: `inside\nx\n0::/${group.path.split("/").at(-1)}/c\n`, stderr: "" });
    expect(run("exec", "--pid", pid, "--", "twill-nope").exitCode).toBe(127);

    await until(() => readFileSync(log, "utf8").includes("err"));
    process.kill(Number(pid), "SIGTERM");
    await until(() => readFileSync(status, "utf8").includes("exitCode"));
    expect(JSON.parse(readFileSync(status, "utf8"))).toMatchObject({ exitCode: 6, signal: 0 });
    const lines = readFileSync(log, "utf8")
      .replace(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z /gm, "")
      .split("\n")
      .filter(Boolean);
    expect(lines.toSorted()).toEqual(["stderr F err", "stdout F out", "stdout P part"]);
  });

  for (const [terminal, stdout, stderr] of [
    [false, /^got one\n$/, "err\n"],
    [true, /^one\r\n[\s\S]*got one\r\nerr\r\n/, ""],
  ] as const) {
    test(`clients attach to a container ${terminal ? "with a terminal" : "with pipes"}`, async () => {
      using box = new Sandbox();
      const [log, status, socket] = ["log", "status", "socket"].map((name) => join(box.dir(), name)) as [
        string,
        string,
        string,
      ];
      const options = [
        "--log",
        log,
        "--status",
        status,
        "--attach",
        socket,
        "--stdin",
        "--stdin-once",
        ...(terminal ? ["--tty"] : []),
      ];
      must(
        "run",
        "--detach",
        ...options,
        "--",
        "sh",
        "-c",
        "read x; echo got $x; echo err >&2; cat > /dev/null & read y; exit 4",
      );
      const client = Bun.spawn([tool, "attach", socket], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
      client.stdin.write("one\n\n");
      await client.stdin.end();
      const [out, err] = await Promise.all([new Response(client.stdout).text(), new Response(client.stderr).text()]);
      expect(out).toMatch(stdout);
      expect([err, await client.exited]).toEqual([stderr, 0]);
      await until(() => readFileSync(status, "utf8").includes('"exitCode":4'));
      expect(existsSync(socket)).toBe(false);
    });
  }

  test("long lines come in pieces", () => {
    using box = new Sandbox();
    const [log, status] = [join(box.dir(), "log"), join(box.dir(), "status")];
    run("run", "--log", log, "--status", status, "--", "sh", "-c", "head -c 20000 /dev/zero | tr '\\0' x; echo");
    const pieces = readFileSync(log, "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(" "));
    expect(pieces.map(([, stream, tag, text]) => [stream, tag, text?.length])).toEqual([
      ["stdout", "P", 16_384],
      ["stdout", "F", 3616],
    ]);
  });

  test("the stand-in answers by HTTP, bare TCP and UDP on both families, fails on request, and calls others", async () => {
    using box = new Sandbox();
    const ns = box.netns("pod");
    const names = ["--pod", "p", "--namespace", "n", "--node", "m", "--container", "c"];
    const server = box.start(ns, [tool, "standin", ...names, "--tcp", "80", "--udp", "53", "--try-tcp", "80"]);
    await until(() => server.output().includes("UDP port 53"));
    const get = (url: string) => box.run(ns, ["curl", "-s", "-m", "20", url]).stdout;
    const facts = { pod: "p", namespace: "n", node: "m", container: "c", port: 80 };
    expect(JSON.parse(get("http://127.0.0.1/a?b"))).toMatchObject({
      ...facts,
      protocol: "http",
      client: "127.0.0.1",
      path: "/a?b",
    });
    expect(JSON.parse(get("http://[::1]/"))).toMatchObject({ ...facts, client: "::1" });
    const called = (query: string) => JSON.parse(get(`http://127.0.0.1/call?${query}`));
    expect(called("url=http://127.0.0.1:80/x")).toMatchObject({ ok: true, status: 200, to: "127.0.0.1:80" });
    expect(JSON.parse(called("tcp=%5B::1%5D:80").answer)).toMatchObject({ ...facts, protocol: "tcp", client: "::1" });
    expect(JSON.parse(called("udp=127.0.0.1:53").answer)).toMatchObject({ ...facts, protocol: "udp", port: 53 });
    expect(called("tcp=127.0.0.1:9")).toMatchObject({
      ok: false,
      error: "Cannot connect to 127.0.0.1 port 9: Connection refused",
    });
    expect(
      [get("http://127.0.0.1/readyz"), get("http://127.0.0.1/fail?ready"), get("http://127.0.0.1/readyz")].join(""),
    ).toBe("ok\nfailing from now on\nfailing on request\n");
    expect(get("http://127.0.0.1/healthz")).toBe("ok\n");
    const dialled = box.run(ns, [
      "sh",
      "-c",
      `printf 'GET /dial HTTP/1.0\\r\\n\\r\\n' | ${tool} dial --pid ${server.pid} localhost 80`,
    ]);
    expect(dialled.stdout).toContain('"path":"/dial"');
    const late = "exec 3<>/dev/tcp/127.0.0.1/80; sleep 1; printf 'GET /late HTTP/1.0\\r\\n\\r\\n' >&3; head -n1 <&3";
    expect(box.run(ns, ["bash", "-c", late]).stdout).toBe("HTTP/1.1 200 OK\r\n");
    const wordless = box.run(ns, ["sh", "-c", `${tool} dial --pid ${server.pid} localhost 80 < /dev/null`]);
    expect(JSON.parse(wordless.stdout)).toMatchObject({ ...facts, protocol: "tcp" });
    expect(get("http://127.0.0.1/exit?code=3")).toBe("bye\n");
    expect(await server.exited).toBe(3);
  });
});
