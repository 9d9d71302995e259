// A pod to stream to and from, in a lab of its own, and the kubectls of the machine that may try.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processesBelow } from "#lab/cgroup.ts";
import { until } from "#test/until.ts";
import { groupOf, TestLabs } from "../lab.ts";
import { kubectlVersions } from "../peers/kubectl.ts";

export const limitMs = 180_000;
export const patienceMs = 40_000;

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
  initContainers:
  - {name: ended, image: lab/shell, command: ["true"]}
  containers:
  - {name: web, image: shop/frontend, ports: [{containerPort: 8080}]}
  - {name: echo, image: lab/shell, command: [perl, -e, '${echo.replaceAll("'", "''")}']}
  - {name: counter, image: lab/shell, command: [sh, -c, '${counter}']}
  - {name: reader, image: lab/shell, stdin: true, command: [sh, -c, 'while read x; do echo "got $x"; done']}
  - {name: failing, image: lab/shell, command: [sh, -c, 'echo run; sleep 0.3; exit 1']}
`;

const all = kubectlVersions();
/** The oldest and the newest: SPDY/3.1 alone, and WebSocket first. */
export const kubectls = all.length === 1 ? all : all.filter((_, i) => i === 0 || i === all.length - 1);

/** Pod `target` in the namespace `default`; its container `failing` has run before. */
export class StreamingTarget implements AsyncDisposable {
  readonly #labs: TestLabs;
  readonly #lab: string;

  private constructor(labs: TestLabs) {
    this.#labs = labs;
    this.#lab = labs.name();
  }

  static async open(): Promise<StreamingTarget> {
    const labs = await TestLabs.open();
    const target = new StreamingTarget(labs);
    try {
      await target.#start();
      return target;
    } catch (error) {
      await target.#end();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const labs = this.#labs;
    labs.ok("up", this.#lab, "--nodes", "1");
    writeFileSync(join(labs.folder, "pod.yaml"), manifest);
    const [newest = ""] = kubectls.slice(-1).map(({ path }) => path);
    await this.ok(newest, ["apply", "-f", join(labs.folder, "pod.yaml")]);
    await until(async () => {
      const count = "jsonpath={.status.containerStatuses[?(@.name=='failing')].restartCount}";
      return (await this.ok(newest, ["get", "pod", "target", "-o", count])) >= "1";
    }, "the failing container runs again");
  }

  /** @throws Error when something of the lab has ended meanwhile, with what its kubelet said last */
  async [Symbol.asyncDispose](): Promise<void> {
    const broken = this.#labs.broken(this.#lab);
    const log = readFileSync(join(this.#labs.folder, this.#lab, "nodes", "node1", "kubelet.log"), "utf8");
    await this.#end();
    if (broken.length > 0) throw new Error(`${broken.join(", ")}; the kubelet's log ends with\n${log.slice(-4000)}`);
  }

  async #end(): Promise<void> {
    this.#labs.run("down", this.#lab);
    await this.#labs[Symbol.asyncDispose]();
  }

  get kubeconfig(): string {
    return join(this.#labs.folder, this.#lab, "control", "admin.kubeconfig");
  }

  /** Options of a process that is to be a kubectl of this lab. */
  get surroundings() {
    const home = join(this.#labs.folder, "home");
    mkdirSync(home, { recursive: true });
    return { cwd: home, env: { PATH: process.env["PATH"] ?? "", HOME: home, KUBECONFIG: this.kubeconfig } };
  }

  /** Runs a kubectl to its end; `input` is what it reads. */
  async run(path: string, args: readonly string[], input: Uint8Array | string = "") {
    const options = { ...this.surroundings, stdin: Buffer.from(input), timeout: patienceMs } as const;
    const child = Bun.spawn([path, ...args], { ...options, stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr] = await Promise.all([child.stdout.bytes(), child.stderr.text()]);
    return { exitCode: await child.exited, stdout: Buffer.from(stdout).toString("latin1"), stderr };
  }

  /** What it printed; throws when it fails. */
  async ok(path: string, args: readonly string[], input: Uint8Array | string = ""): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(path, args, input);
    if (exitCode !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${exitCode}: ${stderr}`);
    return stdout;
  }

  /** Whether a process of the lab was executed with these words. */
  isRunning(words: string): boolean {
    return processesBelow(groupOf(this.#lab)).some((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1") === `${words.replaceAll(" ", "\0")}\0`;
      } catch {
        return false;
      }
    });
  }
}
