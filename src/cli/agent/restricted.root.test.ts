// An agent that the system does not let do its work: it says so in one sentence, and leaves the node as it was.

import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Sandbox } from "#test/sandbox.ts";

const main = new URL("../main.ts", import.meta.url).pathname;
const refuse = new URL("../../../test/refuse-bpf.py", import.meta.url).pathname;
const limitMs = 60_000;
const [EPERM, EINVAL, ENOSYS] = [1, 22, 38];
/** enum bpf_cmd */
const [anyCommand, mapCreate, progLoad, objPin] = [-1, 0, 5, 6];

const without = (...rights: readonly string[]) => [
  "setpriv",
  "--bounding-set",
  rights.map((each) => `-${each}`).join(),
];
const refused = (errno: number, command: number) => ["/usr/bin/python3", "-S", refuse, `${errno}`, `${command}`];
const programs = "Cannot use the packet path's programs on Linux ";
const noRights = (rights: string) =>
  `Cannot run a node's agent without ${rights}: run it as root, in a container privileged`;

class Restricted implements Disposable {
  readonly #box = new Sandbox();
  readonly #node = this.#box.netns("node");
  readonly #folder = this.#box.dir();

  constructor(hasBpfMount: boolean) {
    for (const sub of ["net.d", "bpf", "state"]) mkdirSync(join(this.#folder, sub));
    if (hasBpfMount) this.#box.sh(this.#node, ["mount", "-t", "bpf", "bpf", join(this.#folder, "bpf")]);
    writeFileSync(
      join(this.#folder, "config.yaml"),
      `programs: { folder: ${this.#folder}/bpf }
cni: { folder: ${this.#folder}/net.d, deletes: ${this.#folder}/deletes }
state: { folder: ${this.#folder}/state }`,
    );
    writeFileSync(
      join(this.#folder, "kubeconfig"),
      `{ apiVersion: v1, kind: Config, current-context: a, contexts: [{ name: a, context: { cluster: a, user: a } }],
  clusters: [{ name: a, cluster: { server: "http://127.0.0.1:1" } }], users: [{ name: a, user: {} }] }`,
    );
  }

  run(limits: readonly string[]): { readonly exitCode: number | null; readonly stderr: string } {
    const paths = Object.entries({ config: "config.yaml", kubeconfig: "kubeconfig", socket: "plugins.sock" });
    const flags = [...paths, ["api-socket", "api.sock"], ["run-dir", "run"]].flatMap(([flag, name = ""]) => [
      `--${flag}`,
      join(this.#folder, name),
    ]);
    return this.#box.run(this.#node, [...limits, process.execPath, main, "agent", "--node", "n1", ...flags]);
  }

  /** What there is of an agent's on the node: links, rules, queues, maps, and what tells others that somebody is there. */
  traces(): string {
    const shown = ["ip -o link show group default", "nft list tables", "tc qdisc show", "sysctl net.ipv4.ip_forward"];
    const kernel = shown.map((command) => this.#box.sh(this.#node, command.split(" ")));
    const pins = this.#box.sh(this.#node, ["sh", "-c", `find ${this.#folder}/bpf -type f -name '*-*-*'`]);
    const files = readdirSync(this.#folder).filter((name) => name.endsWith(".sock"));
    return [...kernel, pins, ...files, ...readdirSync(join(this.#folder, "net.d"))].join("\n");
  }

  [Symbol.dispose](): void {
    this.#box[Symbol.dispose]();
  }
}

describe("an agent that may not do its work says so, and leaves nothing behind,", () => {
  const rows: readonly (readonly [what: string, limits: readonly string[], hasBpfMount: boolean, said: string])[] = [
    ["without any right", without("all"), true, noRights("CAP_NET_ADMIN and CAP_SYS_ADMIN")],
    ["without the right to set up networks", without("net_admin"), true, noRights("CAP_NET_ADMIN")],
    ["in a container without privileges", without("sys_admin", "bpf"), false, noRights("CAP_SYS_ADMIN")],
    [
      "in a user namespace, where it may mount nothing",
      ["unshare", "--user", "--map-root-user"],
      false,
      "EPERM; the system refuses it to this process: a seccomp profile, a user namespace, or the kernel's lockdown",
    ],
    [
      "in a user namespace",
      ["unshare", "--user", "--map-root-user"],
      true,
      "EPERM; the system refuses it to this process: a seccomp profile, a user namespace, or the kernel's lockdown",
    ],
    ["under a profile that refuses programs", refused(EPERM, anyCommand), true, "EPERM; the system refuses it"],
    [
      "on a kernel without programs",
      refused(ENOSYS, anyCommand),
      true,
      "ENOSYS; this kernel, or a seccomp profile, has no system call bpf",
    ],
    ["on a kernel that has not all maps", refused(EINVAL, mapCreate), true, "EINVAL; they need Linux 6.1"],
    ["on a kernel that takes no such program", refused(EINVAL, progLoad), true, "EINVAL; they need Linux 6.1"],
    ["when maps cannot be kept", refused(EINVAL, objPin), true, "EINVAL; they need Linux 6.1"],
  ];
  for (const [what, limits, hasBpfMount, said] of rows) {
    test(
      what,
      () => {
        using place = new Restricted(hasBpfMount);
        const before = place.traces();
        const { exitCode, stderr } = place.run(limits);
        expect(stderr).toContain(said);
        expect(stderr).toMatch(/^twill agent: Cannot [^\n]*\n$/);
        expect(said.startsWith("Cannot") || stderr.includes(programs)).toBe(true);
        expect([exitCode, place.traces()]).toEqual([1, before]);
      },
      limitMs,
    );
  }
});
