// Ends of TCP connections that tell how long each took: processes on one processor, where it is the path that is measured.

import { join } from "node:path";
import { splitLines } from "#kube/lines.ts";
import { killAndWait } from "#test/leftovers.ts";
import type { Netns, Sandbox } from "#test/sandbox.ts";

const source = new URL("talk.c", import.meta.url).pathname;
const pinned = ["taskset", "-c", "0"];
const maxWaitMs = 10_000;
/** Each connection leaves its port taken for a minute: many are needed. */
const manyPorts = "echo 1024 65535 > /proc/sys/net/ipv4/ip_local_port_range";

/** What a client does again and again. */
export type Deed = "connect" | "ping";

export type ClientOptions = {
  readonly netns: Netns;
  readonly address: string;
  readonly port: number;
  /** The control group that its sockets belong to; undefined: this process's own. */
  readonly cgroup?: string;
};

/** Owner of servers and clients. */
export class Talk implements AsyncDisposable {
  readonly #box: Sandbox;
  readonly #program: string;
  readonly #stack = new AsyncDisposableStack();

  constructor(box: Sandbox) {
    this.#box = box;
    this.#program = join(box.dir(), "talk");
    const built = Bun.spawnSync(["gcc", "-O2", "-Wall", "-Wextra", "-o", this.#program, source]);
    if (built.exitCode !== 0) throw new Error(`gcc failed: ${built.stderr.toString()}`);
  }

  /** Answers at a port of all addresses of a namespace. */
  async serve(netns: Netns, port: number): Promise<void> {
    const server = this.#box.start(netns, [...pinned, this.#program, "serve", String(port)]);
    for (let waitedMs = 0; !server.output().includes("listening"); waitedMs += 20) {
      if (waitedMs > maxWaitMs) throw new Error(`The server does not listen: ${server.output()}`);
      await Bun.sleep(20);
    }
  }

  client({ netns, address, port, cgroup }: ClientOptions): TalkClient {
    this.#box.sh(netns, ["sh", "-c", manyPorts]);
    // In the control group before it opens anything: a socket belongs to the group that its process had then.
    const enter = cgroup === undefined ? [] : ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', cgroup];
    const ask = [...pinned, this.#program, "ask", address, String(port)];
    return this.#stack.use(new TalkClient(["nsenter", `--net=${netns.path}`, ...enter, ...ask]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

export class TalkClient implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncIterator<string>;

  constructor(command: readonly string[]) {
    this.#child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    this.#lines = splitLines(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** Nanoseconds of each. */
  async run(deed: Deed, count: number): Promise<readonly number[]> {
    this.#child.stdin.write(`${deed} ${count}\n`);
    this.#child.stdin.flush();
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`The client has ended before it had done: ${deed}`);
    return value.trim().split(" ").map(Number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    killAndWait([this.#child.pid]);
    await this.#child.exited;
  }
}
