// The policy commands as people call them, on the examples.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = new URL("../../../", import.meta.url).pathname;
const shop = ["-m", "examples/shop"];
const closed = [...shop, "-m", "examples/policies/three-tier.yaml"];

/** A folder of the test's own. */
class Folder implements Disposable {
  readonly #path = mkdtempSync(join(tmpdir(), "twill-policy-"));

  write(name: string, text: string): string {
    const file = join(this.#path, name);
    writeFileSync(file, text);
    return file;
  }

  path(name: string): string {
    return join(this.#path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { recursive: true });
  }
}

function twill(...words: readonly string[]): {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
} {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, "src/cli/main.ts", ...words], { cwd: root });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

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
      const where = ["-m", `examples/policies/${name}.yaml`, "-m", "examples/policies/workloads"];
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
    const short = folder.write("short.yaml", "- {from: shop/frontend}\n");
    expect(twill("policy", "assert", "-f", short, ...closed).stderr).toContain("entry 1 lacks from, to or allowed");
  });
});

describe("twill explain", () => {
  test("goes through services to the pods' own ports", () => {
    const { exitCode, stdout } = twill("explain", ...closed, "shop/frontend", "svc/shop/backend:80");
    expect(stdout).toStartWith(
      "through service shop/backend port 80\n  its name becomes shop/backend\n\nshop/frontend → shop/backend tcp/8080: allowed\n",
    );
    expect(exitCode).toBe(0);
  });

  test("tells programs what it tells people", () => {
    const { exitCode, stdout } = twill("explain", ...closed, "-o", "json", "-n", "shop", "frontend", "database");
    expect(JSON.parse(stdout)).toMatchObject([
      { from: "shop/frontend", to: "shop/database", traffic: "tcp/5432", allowed: false, egress: { allowed: true } },
    ]);
    expect(exitCode).toBe(1);
  });

  const refused: readonly (readonly [words: readonly string[], message: string])[] = [
    [["shop/fronted", "shop/backend"], "there is no pod or workload shop/fronted; did you mean shop/frontend?"],
    [["shop/frontend", "svc/shop/backnd"], "there is no service shop/backnd; did you mean shop/backend?"],
    [["shop/frontend", "shop/backend:metrics"], "no port is called metrics there: give its number"],
    [["shop/frontend", "shop/backend:80/http"], 'cannot read "shop/backend:80/http"'],
  ];
  for (const [words, message] of refused) {
    test(`says: ${message}`, () => expect(twill("explain", ...closed, ...words).stderr).toContain(message));
  }

  test("tells which rule of which tier decides, and which passes on", () => {
    const tiers = ["-m", "examples/policies/tiers.yaml", "-m", "examples/policies/workloads"];
    expect(twill("explain", ...tiers, "team-a/api", "production/frontend:8080").stdout).toEndWith(
      'ingress of production/frontend: denied by ClusterNetworkPolicy teams-stay-out-of-production spec.ingress[1] "teams stay out", tier admin\n' +
        "  ClusterNetworkPolicy always spec.ingress[0].from[0]: label kubernetes.io/metadata.name is team-a and not monitoring on namespace team-a\n" +
        "  ClusterNetworkPolicy teams-stay-out-of-production spec.ingress[0].from[0]: label kubernetes.io/metadata.name is team-a and not production on namespace team-a\n",
    );
    expect(twill("explain", ...tiers, "production/frontend", "backend:8080").stdout).toContain(
      'ingress of production/backend: allowed, no rule matches\n  ClusterNetworkPolicy teams-stay-out-of-production spec.ingress[0] "within production its own policies count" passes it on from tier admin\n',
    );
  });

  test("knows pods, nodes and services of a cluster by their states and addresses", () => {
    using folder = new Folder();
    const from = ["-m", folder.write("cluster.yaml", cluster)];
    const rows: readonly (readonly [words: string, ...parts: string[]])[] = [
      [
        "a/client svc/web:80",
        "10.96.0.9:80 becomes any of 2, each as likely: a/web-1 10.244.1.3:8080, a/web-2 10.244.2.4:8080\n",
      ],
      ["a/client svc/web:80", "  a/web-3 is not ready\n"],
      ["a/client 10.96.0.9:80", "through service a/web port 80\n", "the same for a/client → a/web-2\n"],
      ["a/client web.a.svc.cluster.local:http", "through service a/web port 80\n"],
      [
        "world 172.30.0.11:30080",
        "through service a/web port 80\n",
        "node node1 → a/web-1 tcp/8080: allowed\n",
        "a/web-1 is on another node than node1, and sees node1 in the place of world\n",
      ],
      ["world 172.30.0.12:30080", "world → a/web-1 tcp/8080: allowed\n"],
      ["world 172.30.0.11:30081", "  a/web-1 is not on node1, and externalTrafficPolicy is Local\n", "refused\n"],
      ["a/client deploy/web", "the same for a/client → a/web-2, a/client → a/web-3\n"],
      ["a/client agent:9100", "a/client → node node2 tcp/9100: allowed\n", "a/agent shares the network of node2\n"],
      ["a/client node1", "  a pod always reaches its own node\n"],
      [
        "node2 a/client",
        "node node2 → a/client tcp: allowed\n",
        "ingress of a/client: allowed, no policy isolates it\n",
      ],
      ["a/client a/web-2:8080", "tcp/8080 over IPv4: allowed\n", "tcp/8080 over IPv6: denied\n"],
      ["a/client a/web-1:8/icmp", "icmp type 8: denied\n"],
      ["a/client svc/empty:80", "a/client → service a/empty: refused\n  no pod is behind it that could answer\n"],
      [
        "a/client svc/dns:53/udp",
        "a/client → 10.96.0.12 udp/53: allowed\n",
        "service a/dns is left to node-dns: policies see its own address\n",
      ],
      ["a/six a/four:8080", "they have no address family in common\n"],
      ["a/client svc/api:443", "10.96.0.1:443 becomes 172.30.0.2:6443\n"],
    ];
    for (const [words, ...parts] of rows) {
      const { stdout, stderr } = twill("explain", ...from, "-n", "a", ...words.split(" "));
      for (const part of parts) expect(`${stdout}${stderr}`, words).toContain(part);
    }
    expect(twill("explain", ...from, "a/done", "a/client").stderr).toContain(
      "pod a/done has ended (Succeeded): it has no network any more",
    );
    expect(twill("explain", ...from, "svc/a/web", "a/client").stderr).toContain("service a/web opens no connections");
    expect(twill("explain", ...from, "a/client", "svc/a/web:81").stderr).toContain(
      "service a/web has no port 81 of tcp: its ports are 80/tcp",
    );
  }, 30_000);

  test("says what to give when it is not told where to look", () => {
    expect(twill("explain", "a", "b").stderr).toContain("neither --manifests nor --kubeconfig says what to look at");
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

  test("shows what a policy would change", () => {
    const { exitCode, stdout } = twill("policy", "try", ...shop, "-f", "examples/policies/three-tier.yaml");
    expect(stdout).toContain("loses  world          →  shop/database:tcp/5432\n");
    expect(exitCode).toBe(1);
    expect(twill("policy", "try", ...closed, "-f", "examples/policies/three-tier.yaml").stdout).toBe(
      "nothing would change\n",
    );
  });

  test("shows which connections of a node a policy would cut", async () => {
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
        return Response.json({ connections });
      },
    });
    const policy =
      "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: a, name: closed}\n" +
      "spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}\n";
    const files = ["-f", folder.write("new.yaml", policy), "-m", folder.write("cluster.yaml", openCluster)];
    // The server answers in this process: it must not wait for the command.
    const command = Bun.spawn(
      [process.execPath, "src/cli/main.ts", "policy", "try", ...files, "--api-socket", socket, "--last", "60"],
      { cwd: root, stdout: "pipe" },
    );
    expect(await new Response(command.stdout).text()).toEndWith(
      "\nconnections of the last 60 s on this node that would be cut:\n" +
        "2 ×  a/client  →  a/web-1:tcp/8080  NetworkPolicy a/closed\n",
    );
    expect(await command.exited).toBe(1);
    expect(asked).toEqual(["?seconds=60"]);
  });

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
      'spec.ingress[0] "monitoring reaches everybody" allows everything from all pods of namespaces kubernetes.io/metadata.name=monitoring\n  now monitoring/collector\n',
    );
    expect(twill("policy", "show", "shop/deny-all-ingres", ...closed).stderr).toContain(
      "did you mean shop/deny-all-ingress?",
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

/** As a cluster tells it: pods with addresses, some not ready, on their node's network, ended, or of one family. */
const openCluster = `
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Node, metadata: {name: node1}, status: {addresses: [{type: InternalIP, address: 172.30.0.11}]}}
  - {apiVersion: v1, kind: Node, metadata: {name: node2}, status: {addresses: [{type: InternalIP, address: 172.30.0.12}]}}
  - apiVersion: v1
    kind: Pod
    metadata: {namespace: a, name: client}
    spec: {nodeName: node1, containers: [{name: c}]}
    status: {phase: Running, podIPs: [{ip: 10.244.1.2}, {ip: "fd00::12"}]}
${["1 10.244.1.3 fd00::13 True", "2 10.244.2.4 fd00::24 True", "3 10.244.2.5 fd00::25 False"]
  .map((row) => {
    const [number, v4, v6, ready] = row.split(" ");
    return `  - apiVersion: v1
    kind: Pod
    metadata:
      namespace: a
      name: web-${number}
      labels: {app: web, pod-template-hash: abc}
      ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-abc, uid: "1", controller: true}]
    spec: {nodeName: node2, containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
    status: {phase: Running, podIPs: [{ip: ${v4}}, {ip: "${v6}"}], conditions: [{type: Ready, status: "${ready}"}]}`;
  })
  .join("\n")}
  - apiVersion: v1
    kind: Pod
    metadata: {namespace: a, name: agent}
    spec: {nodeName: node2, hostNetwork: true, containers: [{name: c}]}
    status: {phase: Running, podIP: 172.30.0.12}
  - apiVersion: v1
    kind: Pod
    metadata: {namespace: a, name: done}
    spec: {nodeName: node2, containers: [{name: c}]}
    status: {phase: Succeeded, podIP: 10.244.2.9}
  - apiVersion: v1
    kind: Pod
    metadata: {namespace: a, name: four}
    spec: {nodeName: node2, containers: [{name: c}]}
    status: {phase: Running, podIP: 10.244.2.10}
  - apiVersion: v1
    kind: Pod
    metadata: {namespace: a, name: six}
    spec: {nodeName: node2, containers: [{name: c}]}
    status: {phase: Running, podIP: "fd00::26"}
  - apiVersion: v1
    kind: Service
    metadata: {namespace: a, name: web}
    spec: {type: NodePort, clusterIP: 10.96.0.9, selector: {app: web}, ports: [{name: http, port: 80, targetPort: http, nodePort: 30080}]}
  - apiVersion: v1
    kind: Service
    metadata: {namespace: a, name: near}
    spec:
      {type: NodePort, clusterIP: 10.96.0.11, externalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 80, targetPort: http, nodePort: 30081}]}
  - {apiVersion: v1, kind: Service, metadata: {namespace: a, name: empty}, spec: {clusterIP: 10.96.0.10, selector: {app: none}, ports: [{port: 80}]}}
  - {apiVersion: v1, kind: Service, metadata: {namespace: a, name: api}, spec: {clusterIP: 10.96.0.1, ports: [{port: 443}]}}
  - apiVersion: v1
    kind: Service
    metadata: {namespace: a, name: dns, labels: {service.kubernetes.io/service-proxy-name: node-dns}}
    spec: {clusterIP: 10.96.0.12, ports: [{port: 53, protocol: UDP}]}
  - apiVersion: discovery.k8s.io/v1
    kind: EndpointSlice
    metadata: {namespace: a, name: api-1, labels: {kubernetes.io/service-name: api}}
    addressType: IPv4
    endpoints: [{addresses: [172.30.0.2]}]
    ports: [{port: 6443}]
`;

/** The same, where web is reached over IPv4 and TCP only. */
const cluster = `${openCluster}  - apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {namespace: a, name: four}
    spec:
      podSelector: {matchLabels: {app: web}}
      policyTypes: [Ingress]
      ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 8080}]}]
`;
