// A node with an API server of its own, in namespaces and a control group that go with it: a kubelet under test.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupMount } from "#kernel/cgroup-mount.ts";
import { KubeClient } from "#kube/client.ts";
import type { Pod } from "#kube/kinds.ts";
import { KubeError, type Status } from "#kube/kube-error.ts";
import { splitLines } from "#kube/lines.ts";
import { pods } from "#kube/resource.ts";
import type { KubeRequest } from "#kube/transport.ts";
import { processesIn, removeGroup } from "#lab/cgroup.ts";
import type { Sandbox } from "./sandbox.ts";

const project = new URL("../", import.meta.url).pathname;
const podTool = join(project, "dist", "twill-pod");
const waitMs = 30_000;
const stepMs = 20;

type Answer = { readonly id: number; readonly answer?: unknown; readonly status?: Status | string };
type Waiter = { readonly resolve: (answer: unknown) => void; readonly reject: (error: Error) => void };

let made = 0;

/**
 * The node's process reads requests of the API from its standard input: nothing listens anywhere.
 *
 *     await using node = await LabNode.start(box, conflist);
 *     await node.client.create(pods, podOn("node1"));
 *     await node.until("web is ready", async () => isReady(await node.pod("web")));
 */
export class LabNode implements AsyncDisposable {
  readonly folder: string;
  readonly cgroup: string;
  readonly client: KubeClient;
  #child: Bun.Subprocess<"pipe", "pipe", "pipe"> | undefined;
  #serial = 0;
  #output = "";
  readonly #waiters = new Map<number, Waiter>();

  private constructor(folder: string) {
    this.folder = folder;
    this.cgroup = join(cgroupMount(), `twill-test-${process.pid}-${made++}`);
    const transport = {
      request: (request: KubeRequest) => this.#request(request),
      stream: () => {
        throw new Error("A test's node answers requests, but does not stream");
      },
    };
    this.client = new KubeClient(transport, "test");
  }

  /** Ends what killed test runs have left: their process ids are in the names. */
  static async #sweep(): Promise<void> {
    for (const name of readdirSync(cgroupMount())) {
      const owner = /^twill-test-(\d+)-\d+$/.exec(name)?.[1];
      if (owner !== undefined && !existsSync(`/proc/${owner}`)) await removeGroup(join(cgroupMount(), name), Bun.sleep);
    }
  }

  /** Makes the namespaces, with folders of their own where the kubelet's would be the machine's, and starts the kubelet. */
  static async start(box: Sandbox, conflist: object): Promise<LabNode> {
    await LabNode.#sweep();
    const node = new LabNode(box.dir());
    mkdirSync(join(node.folder, "net.d"), { recursive: true });
    writeFileSync(join(node.folder, "net.d", "10-test.conflist"), JSON.stringify(conflist));
    const options = [
      "--new",
      "net,mnt,uts",
      "--hostname",
      "node1",
      "--mount",
      "sysfs:/sys",
      "--bind",
      "/sys/fs/cgroup:/sys/fs/cgroup",
      "--mount",
      "tmpfs:/run",
    ];
    const holder = Bun.spawnSync([
      podTool,
      "start",
      "--cgroup",
      join(node.cgroup, "init"),
      ...options,
      "--detach",
      "--self",
      "--",
      "pause",
    ]);
    if (holder.exitCode !== 0) throw new Error(holder.stderr.toString());
    await node.startKubelet();
    return node;
  }

  get #holder(): string {
    return String(processesIn(join(this.cgroup, "init"))[0]);
  }

  /** Starts the API server and the kubelet, which find what earlier ones have left. */
  async startKubelet(): Promise<void> {
    const started = join(this.folder, "started");
    if (existsSync(started)) throw new Error("The node's kubelet runs already");
    const bun = join(project, "node_modules", ".bin", "bun");
    const argv = [
      bun,
      join(project, "test", "lab-node-process.ts"),
      this.folder,
      join(this.cgroup, "pods"),
      join(project, "dist"),
    ];
    const place = ["--cgroup", join(this.cgroup, "kubelet"), "--enter", `${this.#holder}:net,mnt,uts`];
    const child = Bun.spawn([podTool, "start", ...place, "--", ...argv], {
      cwd: project,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#child = child;
    void this.#readAnswers(child.stdout);
    void this.#readLog(child.stderr);
    await this.until("the kubelet has started", async () => existsSync(started));
  }

  /** kill -9 of the kubelet and its API server, whose objects are on disk. */
  async killKubelet(): Promise<void> {
    for (const pid of processesIn(join(this.cgroup, "kubelet"))) process.kill(pid, "SIGKILL");
    await this.#child?.exited;
    await Bun.file(join(this.folder, "started")).delete();
  }

  async pod(name: string): Promise<Pod> {
    return await this.client.get(pods, { namespace: "default", name });
  }

  /** Whether the API has no such pod any more. */
  async isGone(name: string): Promise<boolean> {
    const { items } = await this.client.list(pods, { namespace: "default" });
    return !items.some(({ metadata }) => metadata.name === name);
  }

  /** Runs a command in the node's namespaces. */
  sh(...argv: readonly string[]): string {
    const ran = Bun.spawnSync([podTool, "start", "--enter", `${this.#holder}:net,mnt,uts`, "--", ...argv]);
    if (ran.exitCode !== 0) throw new Error(`${argv.join(" ")} ended with ${ran.exitCode}: ${ran.stderr}`);
    return ran.stdout.toString();
  }

  /** What a container of a pod has written, in the log's own form. */
  log(pod: Pod, container: string, attempt = 0): string {
    return readFileSync(
      join(this.folder, "kubelet", "logs", `${pod.metadata.uid}.${container}.${attempt}.log`),
      "utf8",
    );
  }

  async until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + waitMs;
    while (!(await isSo())) {
      if (performance.now() > end)
        throw new Error(`After ${waitMs} ms it is not so that ${what}. The node said:\n${this.#output}`);
      await Bun.sleep(stepMs);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeGroup(this.cgroup, Bun.sleep);
    await this.#child?.exited;
  }

  #request(request: KubeRequest): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const id = this.#serial++;
    this.#waiters.set(id, { resolve, reject });
    this.#child?.stdin.write(`${JSON.stringify({ id, request })}\n`);
    void this.#child?.stdin.flush();
    return promise;
  }

  async #readAnswers(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const line of splitLines(stream)) {
      const { id, answer, status } = JSON.parse(line) as Answer;
      const waiter = this.#waiters.get(id);
      this.#waiters.delete(id);
      if (status === undefined) waiter?.resolve(answer);
      else waiter?.reject(typeof status === "string" ? new Error(status) : new KubeError(status));
    }
    for (const { reject } of this.#waiters.values()) reject(new Error(`The node has ended. It said:\n${this.#output}`));
    this.#waiters.clear();
  }

  async #readLog(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const bytes of stream) this.#output += new TextDecoder().decode(bytes);
  }
}
