// The policy commands as people call them, on the examples.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Folder, root, twill } from "#test/policy/command.ts";
import { openCluster } from "#test/policy/small-cluster.ts";

const shop = ["-m", "examples/shop"];
const closed = [...shop, "-m", "examples/policies/three-tier.yaml"];

/** Examples about the workloads that lie beside them, and what lint has to say of each. */
const examples: readonly (readonly [name: string, warning: string])[] = [
  ["deny-all-ingress", ""],
  ["default-deny-egress", "dns-forgotten"],
  ["allow-from-frontend", ""],
  ["backend-allow-frontend", ""],
  ["db-allow-backend", "dns-forgotten"],
  ["allow-same-namespace", "selects-all"],
  ["tiers", ""],
];

describe("twill policy assert", () => {
  test("finds the example three-tier to do what it says", () => {
    const { exitCode, stdout } = twill(
      "policy",
      "assert",
      "-f",
      "examples/policies/three-tier.expectations.yaml",
      ...closed,
    );
    expect(stdout).toMatch(/^(\d+) of \1 expectations hold\n$/);
    expect(exitCode).toBe(0);
  });

  for (const [name, warning] of examples) {
    test(`finds the example ${name} to do what it says`, () => {
      const around = ["workloads", "cluster"].flatMap((part) => ["-m", `examples/policies/${part}`]);
      const where = ["-m", `examples/policies/${name}.yaml`, ...around];
      const { exitCode, stdout } = twill(
        "policy",
        "assert",
        "-f",
        `examples/policies/${name}.expectations.yaml`,
        ...where,
      );
      expect(stdout).toMatch(/^(\d+) of \1 expectations hold\n$/);
      expect(exitCode).toBe(0);
      const words = [...twill("policy", "lint", ...where).stdout.matchAll(/\(([a-z-]+)\)$/gm)].map((match) => match[1]);
      expect(words.join()).toBe(warning);
    });
  }

  test("tells of a database that could connect to anybody, as people write it", () => {
    using folder = new Folder();
    const text = readFileSync(join(root, "examples/policies/db-allow-backend.yaml"), "utf8");
    const file = folder.write("db.yaml", text.replace("  policyTypes: [Ingress, Egress]\n", ""));
    const where = ["-m", file, "-m", "examples/policies/workloads"];
    expect(twill("policy", "lint", ...where).stdout).toContain("add Egress to policyTypes to deny that (empty-egress)");
    const { exitCode, stdout } = twill(
      "policy",
      "assert",
      "-f",
      "examples/policies/db-allow-backend.expectations.yaml",
      ...where,
    );
    expect(stdout).toContain("expected production/database → world:443 to be denied, but\n");
    expect(stdout).toEndWith("5 of 8 expectations hold\n");
    expect(exitCode).toBe(1);
  });

  test("explains each expectation that does not hold", () => {
    using folder = new Folder();
    const wrong = folder.write("wrong.yaml", '- {from: shop/frontend, to: "shop/database:5432", allowed: true}\n');
    const { exitCode, stdout } = twill("policy", "assert", "-f", wrong, ...closed);
    expect(stdout).toContain("expected shop/frontend → shop/database:5432 to be allowed, but\n");
    expect(stdout).toContain("from[0]: label app.kubernetes.io/name is frontend and not backend on shop/frontend");
    expect(exitCode).toBe(1);
    const unknown = folder.write("unknown.yaml", "- {from: shop/frontnd, to: shop/backend, allowed: true}\n");
    expect(twill("policy", "assert", "-f", unknown, ...closed).stderr).toContain(
      "unknown.yaml entry 1: there is no pod or workload shop/frontnd",
    );
    const short = folder.write("short.yaml", "- {from: shop/frontend}\n");
    expect(twill("policy", "assert", "-f", short, ...closed).stderr).toContain("entry 1 lacks from, to or allowed");
  });
});

describe("twill policy", () => {
  test("asks the pods of one workload about each other, whom it is to reach itself", () => {
    using folder = new Folder();
    const closed =
      "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: a, name: closed}\n" +
      "spec: {podSelector: {}, policyTypes: [Ingress]}\n";
    const from = ["-m", folder.write("cluster.yaml", openCluster), "-m", folder.write("closed.yaml", closed)];
    const expectations = folder.write(
      "expectations.yaml",
      '- {from: a/web, to: "a/web:8080", allowed: false}\n- {from: a/client, to: "a/client:80", allowed: true}\n',
    );
    expect(twill("policy", "assert", "-f", expectations, ...from).stdout).toBe("2 of 2 expectations hold\n");
  });

  test("has no answer where it cannot look, which is no no", () => {
    const rows: readonly (readonly [words: string, message: string])[] = [
      ["try -m examples/shop -f nothing", "Cannot load nothing: there is no such file or folder"],
      ["lint -m nothing", "Cannot load nothing: there is no such file or folder"],
      ["assert -m examples/shop -f nothing", "cannot read nothing: there is no such file"],
      ["assert -m examples/shop -f examples", "cannot read examples: it is a folder"],
      ["list --kubeconfig nothing", "Cannot use kubeconfig nothing: "],
    ];
    for (const [words, message] of rows) {
      const { exitCode, stderr } = twill("policy", ...words.split(" "));
      expect([exitCode, stderr.includes(message) ? message : stderr]).toEqual([2, message]);
    }
  });
});

describe("twill policy", () => {
  test("shows who reaches whom", () => {
    const { stdout } = twill("policy", "matrix", ...closed);
    const [header = "", ...rows] = stdout.trim().split("\n");
    expect(header.split(/\s{2,}/)).toEqual([
      "FROM",
      "shop/backend:tcp/8080",
      "shop/backend:udp/8125",
      "shop/database:tcp/5432",
      "shop/frontend:tcp/8080",
      "world:tcp/443",
    ]);
    expect(
      rows.map((row) =>
        row
          .split(/\s{2,}/)
          .slice(1)
          .join(" "),
      ),
    ).toEqual([". . yes yes yes", ". . yes . .", "yes . . yes yes", ". . . yes -"]);
  });

  test("says of names of domains, wherever a policy is looked at, that they are not supported", () => {
    using folder = new Folder();
    const rule = (action: string) => `{action: ${action}, to: [{domainNames: ["*.example.org"]}]}`;
    const names =
      "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: names}\n" +
      `spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [${rule("Accept")}, ${rule("Deny")}]}\n`;
    const from = [...shop, "-m", folder.write("names.yaml", names)];
    const place = "ClusterNetworkPolicy names spec.egress";
    const accepting = `${place}[0].to[0]: names of domains are not supported: this part matches nothing`;
    const denying = `${place}[1].to[0]: names of domains are not supported: the rule denies all`;
    const rows: readonly (readonly [words: readonly string[], ...parts: string[]])[] = [
      [["list"], `\n${denying}\n`, `${accepting}\n`],
      [["list", "-o", "json"], `"${denying}"`, `"${accepting}"`],
      [["lint"], `${accepting} (matches-nothing)\n`, `${denying} (misread)\n`],
      [["show", "names"], accepting, denying],
      [["try", "-f", folder.path("names.yaml"), ...shop], `${accepting}\n`, `${denying}\n`],
    ];
    for (const [words, ...parts] of rows) {
      const { stdout, stderr } = twill("policy", ...words, ...(words[0] === "try" ? [] : from));
      for (const part of parts) expect(`${stdout}${stderr}`, words.join(" ")).toContain(part);
    }
  }, 60_000);

  test("knows no namespace that is not there, and tells of policies about nobody", () => {
    for (const command of ["lint", "list", "matrix"])
      expect(twill("policy", command, ...shop, "-n", "shpo").stderr).toContain(
        `twill policy ${command}: there is no namespace shpo; did you mean shop?`,
      );
    expect(twill("policy", "try", ...shop, "-f", "examples/policies/deny-all-ingress.yaml").stdout).toBe(
      "nothing would change\n\nNetworkPolicy production/deny-all-ingress: it selects no pod\n",
    );
  });

  test("shows what a policy would change", () => {
    const { exitCode, stdout } = twill("policy", "try", ...shop, "-f", "examples/policies/three-tier.yaml");
    expect(stdout).toContain("loses  world          →  shop/database:tcp/5432\n");
    expect(exitCode).toBe(1);
    expect(twill("policy", "try", ...closed, "-f", "examples/policies/three-tier.yaml").stdout).toBe(
      "nothing would change\n",
    );
  });

  test("shows what is lost with a port, and what the absence of a policy would change", () => {
    using folder = new Folder();
    const text = readFileSync(join(root, "examples/shop/database.yaml"), "utf8");
    const moved = folder.write("database.yaml", text.replace("containerPort: 5432", "containerPort: 5433"));
    const { stdout } = twill("policy", "try", ...closed, "-f", moved);
    expect(stdout).toContain("loses  shop/backend   →  shop/database:tcp/5432\n");
    expect(twill("policy", "try", ...closed, "-n", "shop", "--without", "database-allow-backend").stdout).toBe(
      "loses  shop/backend   →  shop/database:tcp/5432\n" +
        "gains  shop/database  →  shop/frontend:tcp/8080\n" +
        "gains  shop/database  →  world:tcp/443\n",
    );
    expect(twill("policy", "try", ...closed, "--without", "nobody").stderr).toContain("there is no policy nobody");
  });

  const cutBy = (name: string) => `2 ×  a/client  →  a/web-1:tcp/8080  NetworkPolicy a/${name}\n`;
  const none = "no connection of the last 60 s on this node would be cut\n";
  const kept = "\nconnections of the last 60 s on this node that would go on, and could not be opened again:\n";
  const cuts: readonly (readonly [what: string, annotation: string, cutsEstablished: boolean, text: string])[] = [
    ["cut", "", true, `\nconnections of the last 60 s on this node that would be cut:\n${cutBy("closed")}`],
    ["keep, as it says so", ', annotations: {twill.dev/keep-established: "true"}', true, none + kept + cutBy("closed")],
    ["keep, as the agent is told to", "", false, none + kept + cutBy("closed")],
  ];
  for (const [what, annotation, cutsEstablished, text] of cuts) {
    test(`shows which connections of a node a policy would ${what}`, async () => {
      using folder = new Folder();
      const at = (address: string, port: number) => ({ address, port });
      const seen = { protocol: "tcp", answered: true, ageSeconds: 9, idleSeconds: 1 };
      const connections = [
        { ...seen, from: at("10.244.1.2", 40000), to: at("10.244.1.3", 8080) },
        { ...seen, from: at("10.244.1.2", 40001), to: at("10.244.1.3", 8080) },
        { ...seen, from: at("10.244.2.4", 40002), to: at("10.244.1.2", 9000) },
      ];
      const asked: string[] = [];
      const socket = folder.path("agent.sock");
      await using _ = Bun.serve({
        unix: socket,
        fetch: (request) => {
          asked.push(new URL(request.url).search);
          return Response.json({ connections, cutsEstablished });
        },
      });
      const policy =
        `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: a, name: closed${annotation}}\n` +
        "spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}\n";
      const files = ["-f", folder.write("new.yaml", policy), "-m", folder.write("cluster.yaml", openCluster)];
      // The server answers in this process: it must not wait for the command.
      const command = Bun.spawn(
        [process.execPath, "src/cli/main.ts", "policy", "try", ...files, "--api-socket", socket, "--last", "60"],
        { cwd: root, stdout: "pipe" },
      );
      expect(await new Response(command.stdout).text()).toEndWith(`\n${text}`.replace(/^\n\n/, "\n"));
      expect(await command.exited).toBe(1);
      expect(asked).toEqual(["?seconds=60"]);
    });
  }

  test("shows a policy in words", () => {
    const { stdout } = twill(
      "policy",
      "show",
      "always",
      "-m",
      "examples/policies/tiers.yaml",
      "-m",
      "examples/policies/workloads",
    );
    expect(stdout).toStartWith(
      "ClusterNetworkPolicy always, tier admin, priority 10\nabout all pods of all namespaces: ",
    );
    expect(stdout).toContain(
      'spec.ingress[0] "monitoring reaches everybody" allows everything from all pods of namespaces kubernetes.io/metadata.name=monitoring\n  of the cluster now monitoring/collector\n',
    );
    expect(twill("policy", "show", "shop/deny-all-ingres", ...closed).stderr).toContain(
      "did you mean shop/deny-all-ingress?",
    );
  });

  test("warns of files, among what there is or by themselves, and of nothing else", () => {
    const files = ["-f", "examples/policies/default-deny-egress.yaml"];
    expect(twill("policy", "lint", ...files).stdout).toBe("1 policy, 0 warnings\n");
    const stdin = Bun.file(join(root, "examples/policies/default-deny-egress.yaml"));
    const fromInput = Bun.spawnSync([process.execPath, "src/cli/main.ts", "policy", "lint", "-f", "-"], {
      cwd: root,
      stdin,
    });
    expect(fromInput.stdout.toString()).toBe("1 policy, 0 warnings\n");
    for (const [folder, word] of [
      ["examples/policies/workloads", "dns-forgotten"],
      ["examples/shop", "selects-nothing"],
    ] as const) {
      const { stdout } = twill("policy", "lint", ...files, "-m", folder, "-m", "examples/policies/three-tier.yaml");
      expect(stdout).toMatch(
        new RegExp(`^NetworkPolicy production/default-deny-egress .*\\(${word}\\)\n1 policy, 1 warning\n$`),
      );
    }
  });

  test("looks at one namespace, and what the cluster says about it", () => {
    const both = ["-m", "examples/policies", "-m", "examples/shop"];
    const names = (...words: readonly string[]) =>
      twill("policy", "list", ...both, ...words)
        .stdout.split("\n")
        .slice(1, -1)
        .map((line) => line.split(" ")[0]);
    expect(names("-n", "shop")).toEqual([
      "always",
      "shop/backend-allow-frontend",
      "shop/database-allow-backend",
      "shop/deny-all-ingress",
      "shop/frontend-open",
    ]);
    expect(names().length).toBeGreaterThan(names("-n", "shop", "-n", "production").length);
    const { stdout } = twill("policy", "matrix", ...both, "-n", "shop");
    expect(stdout.split("\n").map((line) => line.split(" ")[0])).toEqual([
      "FROM",
      "shop/backend",
      "shop/database",
      "shop/frontend",
      "world",
      "",
    ]);
    expect(twill("policy", "show", ...both, "-n", "shop", "frontend-open").stdout).toStartWith(
      "NetworkPolicy shop/frontend-open\n",
    );
    expect(twill("policy", "show", ...both, "-n", "production", "frontend-open").stderr).toContain(
      "there is no policy production/frontend-open; did you mean shop/frontend-open?",
    );
  });

  test("warns, and lists", () => {
    expect(twill("policy", "lint", ...closed).stdout).toContain(
      "names cannot be looked up (dns-forgotten)\n4 policies, 1 warning\n",
    );
    expect(twill("policy", "list", ...closed).stdout).toContain(
      "shop/database-allow-backend  network  ingress, egress  1      1\n",
    );
  });
});
