// The example shop in a lab: loaded, called by everybody in every way, and still there when its nodes' kubelets are not.

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pods } from "#kube/resource.ts";
import { killProcess, processesIn } from "#lab/cgroup.ts";
import type { OutcomeReport } from "#lab/probe/attempt.ts";
import { groupOf, TestLabs, waitMs, within } from "#test/lab.ts";

const shop = resolve(import.meta.dir, "../../../examples/shop");
const limitMs = 180_000;

function outcomesOf(labs: TestLabs, lab: string, ...flags: readonly string[]): readonly OutcomeReport[] {
  return JSON.parse(labs.ok("probe", "--lab", lab, "-o", "json", ...flags)) as readonly OutcomeReport[];
}

/** Those that stay closed. A node hears of the last endpoint a moment after its pod is ready. */
async function closedFor(labs: TestLabs, lab: string): Promise<readonly string[]> {
  await within(waitMs, () => failures(outcomesOf(labs, lab)).length === 0);
  return failures(outcomesOf(labs, lab));
}

function failures(outcomes: readonly OutcomeReport[]): readonly string[] {
  return outcomes
    .filter(({ result }) => result !== "open")
    .map(({ from, to, protocol, port, result }) => `${from} to ${to} ${protocol} ${port}: ${result}`);
}

describe("twill lab load and probe", () => {
  for (const [family, underlay, ...more] of [
    ["dual", "l2"],
    ["ipv6", "l3"],
    ["dual", "l3", "--plugins"],
  ] as const) {
    test(
      `the shop runs and everybody reaches everybody, ${[family, "over", underlay, ...more].join(" ")}`,
      async () => {
        await using labs = await TestLabs.open();
        const lab = labs.name();
        labs.ok("up", lab, "--nodes", "2", "--family", family, "--underlay", underlay, ...more);
        const loaded = labs.ok("load", "--lab", lab, "--wait", shop);
        expect(loaded.split("\n")[0]).toBe("namespace/shop created");
        expect(loaded).toContain("deployment.apps/frontend created\n");
        expect(loaded).toContain("all is ready");
        expect(labs.ok("load", "--lab", lab, shop)).not.toMatch(/created|configured/);
        expect(await closedFor(labs, lab)).toEqual([]);
        const outcomes = outcomesOf(labs, lab);
        const kinds = new Set(outcomes.map(({ from, kind, protocol }) => `${from.split("/")[0]} ${kind} ${protocol}`));
        for (const each of [
          "shop pod udp",
          "shop service tcp",
          "shop internet udp",
          "node1 service udp",
          // Only routes of the switch lead from outside to pods.
          ...(more.length === 0 ? [] : ["client pod tcp"]),
          "client service tcp",
        ]) {
          expect(kinds).toContain(each);
        }
        const table = labs.ok("probe", "--lab", lab, "--from", "client", "--to", "services");
        expect(table).toContain("FROM    shop/frontend\n        :80\nclient  ok\n");
      },
      limitMs,
    );
  }

  test(
    "names and addresses of services work from inside, without a kubelet for as long as it is away",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      labs.ok("up", lab, "--nodes", "1");
      labs.ok("load", "--lab", lab, "--wait", shop);
      const { items } = await labs.client(lab).listAll(pods, { labelSelector: "app.kubernetes.io/name=frontend" });
      const [frontend = ""] = items.map(({ metadata }) => metadata.name);
      const exec = (...command: readonly string[]) =>
        labs.ok("exec", "--lab", lab, "-n", "shop", frontend, "--", ...command);
      expect(exec("hostname")).toBe(`${frontend}\n`);
      expect(labs.ok("logs", "--lab", lab, `shop/${frontend}`)).toContain("listening on TCP port 8080\n");
      expect(labs.run("exec", "--lab", lab, "nobody", "--", "true").stderr).toContain(
        `Cannot find pod "nobody" in namespace default of lab "${lab}"`,
      );
      const url = "http://backend.shop.svc.cluster.local/";
      expect(exec("curl", "-sS", "-m", "20", url)).toContain('"container":"backend"');
      expect(exec("curl", "-sS", "-m", "20", "http://www.example.com/")).toContain("www.example.com greets");
      const lookUp = (name: string) => exec("getent", "ahostsv4", name).split(" ")[0];
      const address = lookUp("backend") ?? "";
      expect(address).toStartWith("10.96.");
      expect(lookUp("database-0.database")).toStartWith("10.244.");
      const kubelet = join(groupOf(lab), "nodes", "node1", "kubelet");
      for (const pid of processesIn(kubelet)) killProcess(pid, "SIGKILL");
      expect(exec("curl", "-sS", "-m", "20", `http://${address}/`)).toContain('"container":"backend"');
      labs.ok("up", lab);
      expect(await closedFor(labs, lab)).toEqual([]);
    },
    limitMs,
  );

  test(
    "without the proxy names work and addresses of services do not; what is wrong in a manifest is told",
    async () => {
      await using labs = await TestLabs.open();
      const lab = labs.name();
      labs.ok("up", lab, "--nodes", "1", "--services", "none");
      labs.ok("load", "--lab", lab, "--wait", shop);
      const found = outcomesOf(labs, lab, "--from", "backend", "--timeout", "2s").filter(({ kind }) => kind !== "pod");
      expect(new Set(failures(found).map((line) => line.replace(/^.* to (\S+) .*$/, "$1")))).toEqual(
        new Set(["default/kubernetes", "shop/backend", "shop/frontend"]),
      );
      // The name of a headless service leads to its pods.
      expect(found.filter(({ to, result }) => to === "shop/database" && result === "open")).toHaveLength(2);
      const typo = join(labs.folder, "typo.yaml");
      writeFileSync(typo, "apiVersion: apps/v1\nkind: Deploymnt\nmetadata: {name: x}\n");
      expect(labs.run("load", "--lab", lab, typo)).toMatchObject({
        exitCode: 1,
        stderr: `twill lab load: Cannot load ${typo}: the lab has no kind Deploymnt of apps/v1; did you mean Deployment of apps/v1, or is its CustomResourceDefinition missing?\n`,
      });
      expect(labs.run("probe", "--lab", lab, "--from", "nobody").stderr).toContain("nobody is meant by --from nobody");
    },
    limitMs,
  );
});
