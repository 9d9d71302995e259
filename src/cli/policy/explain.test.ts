// `twill explain` as people call it, on the examples and on what a cluster tells.

import { describe, expect, test } from "bun:test";
import { Folder, twill } from "#test/policy/command.ts";
import { cluster, openCluster } from "#test/policy/small-cluster.ts";

const closed = ["-m", "examples/shop", "-m", "examples/policies/three-tier.yaml"];

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

  test("says why a rule denies that was to say something else", () => {
    using folder = new Folder();
    const names =
      "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: names}\n" +
      "spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{domainNames: [example.org]}]}]}\n";
    const { stdout } = twill(
      "explain",
      ...closed,
      "-m",
      folder.write("names.yaml", names),
      "shop/frontend",
      "world:443",
    );
    expect(stdout).toEndWith(
      "denied by ClusterNetworkPolicy names spec.egress[0], tier admin\n" +
        "  ClusterNetworkPolicy names spec.egress[0].to[0]: names of domains are not supported: the rule denies all\n",
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
        "world → a/web-1 tcp/8080: allowed\n",
        "a/web-1 is on another node than node1, and sees node1 in the place of world\n",
      ],
      ["world node2:30080", "through service a/web port 80\n  172.30.0.12:30080 becomes any of 2", "world → a/web-1"],
      ["a/client node1:30080", "172.30.0.11:30080 becomes any of 2", "the same for a/client → a/web-2\n"],
      [
        "a/client node2:30080",
        "a/client → a/web-1 tcp/8080: allowed\n",
        "node2 sends it on: the policies of a/client see tcp/30080 of it\n",
      ],
      ["a/client node2:30081", "a/client → a/web-1 tcp/8080: allowed\n"],
      ["a/web-1 node1:30081", "  a/web-1 is not on node1, and externalTrafficPolicy is Local\n"],
      ["node1 node1:30080/udp", "node node1 → node node1 udp/30080: allowed\n"],
      [
        "world 203.0.113.80:80",
        "through service a/web port 80\n",
        "a pod sees the node through which the connection comes, where that is not its own\n",
      ],
      [
        "world node2:9080",
        "through port 9080 of node2, which is a/door's\n  172.30.0.12:9080 becomes a/door 10.244.2.11:8080\n",
        "world → a/door tcp/8080: allowed\n",
      ],
      ["a/client 172.30.0.12:9080", "node2 sends it on: the policies of a/client see tcp/9080 of it\n"],
      ["a/door node2:9080", "a/door → a/door tcp/8080: allowed\n  a pod always reaches itself\n"],
      ["world node2:9053/udp", "world → a/door udp/53: allowed\n"],
      ["world node2:9053", "world → node node2 tcp/9053: allowed\n"],
      ["world node1:9080", "world → node node1 tcp/9080: allowed\n"],
      ["a/client a/door", "a/client → a/door tcp/8080: allowed\n", "a/client → a/door udp/53: allowed\n"],
      ["a/client a/door:dns", "a/client → a/door udp/53: allowed\n"],
      ["a/client web-1.web:8080", "a/client → a/web-1 tcp/8080 over IPv4: allowed\n"],
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
      "service a/web has no port 81: its ports are 80/tcp",
    );
  }, 120_000);

  test("asks the policies of a pod about the other node whose port it asks, and those behind it about that node", () => {
    using folder = new Folder();
    const rules = (name: string, app: string, rule: string) =>
      `---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: a, name: ${name}}\n` +
      `spec: {podSelector: {matchLabels: {app: ${app}}}, ${rule}}\n`;
    const toPods = "policyTypes: [Egress], egress: [{to: [{podSelector: {}}]}]";
    const fromPods = "policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]";
    const fromNode = "policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 172.30.0.11/32}}]}]";
    const rows: readonly (readonly [policy: string, words: string, result: string])[] = [
      [rules("out", "web", toPods), "a/web-1 node2:30080", "becomes any of 2"],
      [
        rules("out", "web", toPods),
        "a/web-1 node1:30080",
        "egress of a/web-1: denied, isolated by NetworkPolicy a/out",
      ],
      [rules("out", "web", toPods), "a/web-1 node1:30080", "node1 sends it on"],
      [rules("in", "web", fromPods), "a/client node2:30080", "the same for a/client → a/web-2"],
      [rules("in", "web", fromNode), "a/client node2:30080", "all denied"],
      [rules("in", "web", fromPods), "a/web-2 node1:30080", "all denied"],
      [rules("in", "web", fromNode), "a/web-2 node1:30080", "becomes any of 2"],
    ];
    for (const [policy, words, result] of rows) {
      const from = ["-m", folder.write("cluster.yaml", openCluster), "-m", folder.write("policy.yaml", policy)];
      const { stdout, stderr } = twill("explain", ...from, ...words.split(" "));
      expect(`${stdout}${stderr}`, `${words} ${policy}`).toContain(result);
      if (!/denied/.test(result)) continue;
      expect(stdout).not.toContain("tcp/8080: allowed");
    }
  }, 60_000);

  test("asks a service whom its balancer's addresses are for, and which of them its balancer keeps", () => {
    using folder = new Folder();
    const restricted =
      "apiVersion: v1\nkind: Service\nmetadata: {namespace: a, name: outer}\n" +
      "spec: {type: LoadBalancer, clusterIP: 10.96.0.13, externalIPs: [203.0.113.81], selector: {app: web}, " +
      "ports: [{port: 80, targetPort: http}], loadBalancerSourceRanges: [198.51.100.0/24, 10.244.1.0/24]}\n" +
      'status: {loadBalancer: {ingress: [{ip: 203.0.113.80}, {ip: 203.0.113.81}, {ip: "2001:db8::80"}, {ip: 203.0.113.82, ipMode: Proxy}]}}\n';
    // The small cluster has the first of these addresses for another service.
    const around = openCluster.replace("externalIPs: [203.0.113.80], ", "");
    const from = ["-m", folder.write("cluster.yaml", around), "-m", folder.write("outer.yaml", restricted)];
    const rule = "Service a/outer spec.loadBalancerSourceRanges";
    const rows: readonly (readonly [words: string, exitCode: number, ...parts: string[]])[] = [
      ["198.51.100.7 203.0.113.80:80", 0, `${rule} admits 198.51.100.7: 198.51.100.7 is in 198.51.100.0/24\n`],
      [
        "192.0.2.7 203.0.113.80:80",
        1,
        "through service a/outer port 80, all denied\n",
        `192.0.2.7 → service a/outer: denied\n  ${rule}: 192.0.2.7 is not in 198.51.100.0/24 or 10.244.1.0/24\n`,
      ],
      ["world 203.0.113.80:80", 1, "world → service a/outer: denied\n"],
      ["198.51.100.7 203.0.113.81:80", 0, "203.0.113.81:80 becomes any of 2"],
      ["a/client 203.0.113.80:80", 0, `${rule} admits a/client: 10.244.1.2 is in 10.244.1.0/24\n`],
      ["a/door 203.0.113.80:80", 1, `a/door → service a/outer: denied\n  ${rule}: 10.244.2.11 is not in `],
      ["a/door svc/outer:80", 0, "10.96.0.13:80 becomes any of 2"],
      ["node1 203.0.113.80:80", 1, `${rule}: 172.30.0.11 is not in `],
      ["a/client [2001:db8::80]:80", 1, `${rule}: it admits nobody of 2001:db8::80's family\n`],
      [
        "192.0.2.7 203.0.113.82:80",
        0,
        "192.0.2.7 → 203.0.113.82 tcp/80: allowed\n",
        "Service a/outer status.loadBalancer has 203.0.113.82 with ipMode Proxy: the balancer keeps it",
      ],
    ];
    for (const [words, code, ...parts] of rows) {
      const { exitCode, stdout, stderr } = twill("explain", ...from, "-n", "a", ...words.split(" "));
      for (const part of parts) expect(`${stdout}${stderr}`, words).toContain(part);
      expect(exitCode, words).toBe(code);
    }
    const { stdout } = twill("explain", ...from, "-o", "json", "a/door", "203.0.113.80:80");
    const why = "10.244.2.11 is not in 198.51.100.0/24 or 10.244.1.0/24";
    expect(JSON.parse(stdout)).toMatchObject([
      { allowed: false, reason: "not admitted", through: { admission: { allowed: false, by: rule, why } } },
    ]);
  }, 60_000);

  test("says what to give when it is not told where to look", () => {
    expect(twill("explain", "a", "b").stderr).toContain("neither --manifests nor --kubeconfig says what to look at");
  });
});
