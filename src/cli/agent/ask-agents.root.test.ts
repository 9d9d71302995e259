// Commands that ask the agents of all nodes of a lab, and whom they mean when nobody says it.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { TestLabs, twill, within } from "#test/lab.ts";

const limitMs = 180_000;
const patienceMs = 60_000;

type Ran = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** `twill WORDS` on the host. */
function run(variables: Readonly<Record<string, string>>, ...words: readonly string[]): Ran {
  const env = { PATH: process.env["PATH"], ...variables };
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, "src/cli/main.ts", ...words], { env });
  return { exitCode: exitCode ?? 128, stdout: stdout.toString(), stderr: stderr.toString() };
}

function nodesIn({ stdout }: Ran): readonly string[] {
  return (JSON.parse(stdout) as readonly { readonly node: string }[]).map(({ node }) => node);
}

describe("what may be asked of several agents", () => {
  test(
    "is asked of all nodes of a lab, whoever names it, and shown as far as they answer",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      labs.ok("up", lab, "--nodes", "2");
      const root = { TWILL_LAB_DIR: labs.folder };
      // Cluster DNS, a pod on each node; `up` waits for the first.
      const endpoints = () => run(root, "endpoints", "--lab", lab).stdout;
      const both = /^NODE +ID .*\nnode1 .* kube-system\/coredns-.* ready\nnode2 .* kube-system\/coredns-.* ready\n$/;
      await within(patienceMs, () => both.test(endpoints()));
      expect(endpoints()).toMatch(both);
      const json = ["-o", "json"];
      const meant: readonly (readonly [string, Ran])[] = [
        ["a flag", run(root, "status", "--lab", lab, ...json)],
        ["TWILL_LAB", run({ ...root, TWILL_LAB: lab }, "status", ...json)],
        [
          "KUBECONFIG",
          run({ ...root, KUBECONFIG: join(labs.folder, lab, "control/admin.kubeconfig") }, "status", ...json),
        ],
        ...[["drops"], ["endpoints"], ["services"], ["ipam", "show"], ["ipam", "check"]].map(
          (words) => [words.join(" "), run(root, ...words, "--lab", lab, ...json)] as const,
        ),
      ];
      for (const [what, ran] of meant) expect([what, ...nodesIn(ran)]).toEqual([what, "node1", "node2"]);
      const drops = () => run(root, "drops", "--lab", lab).stdout;
      const counted = /^NODE +OUTCOME .*\nnode1 .*\n(.*\n)*node2 /;
      await within(patienceMs, () => counted.test(drops()));
      expect(drops()).toMatch(counted);
      expect(drops()).not.toMatch(/ 0 +0$/m);
      expect(run(root, "policy", "status", "--lab", lab)).toMatchObject({ stdout: "there are no policies\n" });
      expect(run(root, "policy", "denials", "--lab", lab)).toMatchObject({ stdout: "nothing was refused\n" });
      expect(run(root, "services", "--lab", lab).stdout).toMatch(
        /^node1:\nSERVICE .*\ndefault\/kubernetes (.*\n)*\nnode2:\nSERVICE .*\ndefault\/kubernetes /,
      );
      expect(run(root, "services", "--names", "--lab", lab).stdout).toBe("default/kubernetes\nkube-system/kube-dns\n");
      expect(run(root, "ipam", "show", "--lab", lab).stdout).toMatch(
        /^NODE +BLOCK .*\nnode1 +10\.244\..*\nnode2 +10\.244\..*\n\nNODE +ADDRESS .*\nnode1 .* kube-system\/coredns-.*\nnode2 .*\n$/,
      );
      expect(run(root, "ipam", "check", "--lab", lab)).toMatchObject({ exitCode: 0, stdout: "all agrees\n" });
      const released: readonly (readonly [string, string])[] = [
        ["10.244.1.9", "Cannot release 10.244.1.9: nobody has it, and it does not rest"],
        ["10.9.9.9", "Cannot release 10.9.9.9: it is in none of the blocks 10.244."],
        ["nine", "Cannot release nine: it is in none of the blocks 10.244."],
      ];
      for (const [address, sentence] of released) {
        const ran = run(root, "ipam", "release", address, "--lab", lab);
        expect([ran.exitCode, ran.stderr]).toEqual([1, expect.stringContaining(sentence)]);
      }
      const refused = run(root, "services", "shop/nothing", "--lab", lab);
      expect([refused.exitCode, refused.stderr]).toEqual([
        1,
        expect.stringContaining('This node serves no "shop/nothing"'),
      ]);
      // Within a node the variables of a lab mean nothing: its own agent answers.
      const inside = labs.inside(lab, "node1", "env", `TWILL_LAB=${lab}`, twill, "status");
      expect(inside.stdout).toMatch(/^node {7}node1, /);

      labs.ok("agent", "kill", "--lab", lab, "node2");
      const half = run(root, "status", "--lab", lab, ...json);
      expect([half.exitCode, ...nodesIn(half)]).toEqual([1, "node1"]);
      expect(half.stderr).toBe("The agent of node node2 does not answer\n");
    },
    limitMs,
  );

  test("says so when the lab that is named is not there, or nobody answers", async () => {
    await using labs = await TestLabs.open();
    const root = { TWILL_LAB_DIR: labs.folder };
    expect(run(root, "status", "--lab", "nowhere")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('Cannot find lab "nowhere"'),
    });
    const socket = join(labs.folder, "agent.sock");
    expect(run({ ...root, TWILL_AGENT_SOCKET: socket, TWILL_LAB: "nowhere" }, "drops").stderr).toContain(
      `Cannot ask the agent at ${socket}`,
    );
  });
});
