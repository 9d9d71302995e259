// A node whose sockets are translated: a control group, namespaces in it that ask, and one whose addresses answer.
import { splitLines } from "#kube/lines.ts";
import { killAndWait } from "../leftovers.ts";
import type { Netns, Sandbox } from "../sandbox.ts";
import { join as wire } from "../traffic.ts";
import { ControlGroup } from "./control-group.ts";

const python = "/usr/bin/python3";
const clientScript = new URL("./client.py", import.meta.url).pathname;
const serverScript = new URL("./server.py", import.meta.url).pathname;
const startMs = 30_000;

/** `["connect", "a", "10.96.0.1", 80]`: what to do, with which socket, and more; client.py knows them. */
export type Step = readonly [action: string, socket: string, ...rest: readonly (string | number)[]];

/** A process with sockets, in a namespace and a control group. */
export class SocketClient implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #answers: AsyncIterator<string>;

  /** In the control group before it opens anything: a socket belongs to the group that its process had then. */
  constructor(netns: Netns, cgroup: string) {
    const start = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
    const command = ["nsenter", `--net=${netns.path}`, "sh", "-c", start, cgroup, python, clientScript];
    this.#child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    this.#answers = splitLines(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** What came of each step: "ok", an answer, or an error's name. */
  async run(...steps: readonly Step[]): Promise<readonly string[]> {
    this.#child.stdin.write(`${JSON.stringify(steps)}\n`);
    this.#child.stdin.flush();
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error("The client has ended");
    return JSON.parse(value) as readonly string[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    killAndWait([this.#child.pid]);
    await this.#child.exited;
  }
}

/** Groups below it are made by whoever wants them. */
export class SocketNode implements AsyncDisposable {
  readonly #group = new ControlGroup();
  readonly #box: Sandbox;
  readonly #servers: Netns;
  readonly #stack = new AsyncDisposableStack();
  #clients = 0;

  constructor(box: Sandbox) {
    this.#box = box;
    this.#servers = this.#netns("servers");
  }

  get cgroup(): string {
    return this.#group.path;
  }

  /** Lets these addresses answer at `port`, each with itself. */
  async serve(port: number, ...addresses: readonly string[]): Promise<void> {
    for (const address of addresses) {
      const nodad = address.includes(":") ? ["nodad"] : [];
      this.#box.run(this.#servers, ["ip", "addr", "add", address, "dev", "lo", ...nodad]);
    }
    const started = this.#box.start(this.#servers, [python, serverScript, String(port), ...addresses]);
    for (let waitedMs = 0; !started.output().includes("listening"); waitedMs += 20) {
      if (waitedMs > startMs) throw new Error(`The servers do not listen: ${started.output()}`);
      await Bun.sleep(20);
    }
  }

  /** A namespace that reaches all servers, and no other address. */
  netns(): Netns {
    const number = ++this.#clients;
    const netns = this.#netns(`client${number}`);
    const near = `c${number}`;
    wire(
      this.#box,
      [this.#servers, near, `192.0.${number}.1/24`, `fd02:${number}::1/64`],
      [netns, "eth0", `192.0.${number}.2/24`, `fd02:${number}::2/64`],
    );
    this.#box.sh(netns, ["ip", "route", "add", "default", "via", `192.0.${number}.1`]);
    this.#box.sh(netns, ["ip", "-6", "route", "add", "default", "via", `fd02:${number}::1`]);
    return netns;
  }

  #netns(label: string): Netns {
    const netns = this.#box.netns(label);
    // Neighbours are asked for by link-local addresses, which would first be watched for duplicates.
    const now = "for f in all default; do echo 0 > /proc/sys/net/ipv6/conf/$f/accept_dad; done";
    this.#box.sh(netns, ["sh", "-c", now]);
    return netns;
  }

  client(netns: Netns, cgroup = this.cgroup): SocketClient {
    return this.#stack.use(new SocketClient(netns, cgroup));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
    this.#group[Symbol.dispose]();
  }
}
