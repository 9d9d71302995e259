// Traps of NetworkPolicy as rows: who reaches whom, and what the explanation says of it.

import { describe, expect, test } from "bun:test";
import type { KubeObject } from "#kube/object.ts";
import { changesBetween, concernedBy } from "./difference.ts";
import { evaluate } from "./evaluate.ts";
import { explain } from "./explain.ts";
import { matrixOf } from "./matrix.ts";
import { formatParty } from "./party.ts";
import { worldOf } from "./world.ts";

function namespace(name: string, labels: Readonly<Record<string, string>> = {}): KubeObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

function pod(namespace: string, name: string, labels: Readonly<Record<string, string>>, address: string): KubeObject {
  const ports = [
    { name: "http", containerPort: 80 },
    { containerPort: 81 },
    { name: "dns", containerPort: 53, protocol: "UDP" },
  ];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace, name, labels },
    spec: { nodeName: "node1", containers: [{ name: "c", ports }] },
    status: { podIP: address },
  };
}

function policy(name: string, spec: object, namespace = "x"): KubeObject {
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { namespace, name }, spec };
}

const cast = [
  namespace("x"),
  namespace("y", { team: "blue" }),
  pod("x", "a", { pod: "a" }, "10.0.0.1"),
  pod("x", "b", { pod: "b" }, "10.0.0.2"),
  pod("y", "a", { pod: "a" }, "10.0.0.3"),
  pod("y", "b", { pod: "b" }, "10.0.0.4"),
  { apiVersion: "v1", kind: "Node", metadata: { name: "node1" }, status: { addresses: [{ address: "172.30.0.11" }] } },
];

function worldWith(...policies: readonly KubeObject[]) {
  return worldOf([...cast, ...policies]);
}

function decide(text: string, ...policies: readonly KubeObject[]) {
  const [source = "", , target = ""] = text.split(" ");
  const [to = "", port = "80", protocol = "tcp"] = target.split(/[:/](?=\d|tcp|udp)/);
  const world = worldWith(...policies);
  const find = (name: string) =>
    world.pods.find((each) => formatParty(each) === name) ??
    world.nodes.find((each) => each.name === name) ?? { party: "address" as const, addresses: [name as never] };
  const [from, destination] = [find(source), find(to)];
  const traffic = { protocol: protocol as "tcp" | "udp", port: Number(port) };
  const verdict = evaluate(world.policies, from, destination, traffic);
  return { allowed: verdict.allowed, text: explain(from, destination, traffic, verdict) };
}

const all = { podSelector: {} };
const onlyA = { podSelector: { matchLabels: { pod: "a" } } };

describe("evaluate()", () => {
  const rows: readonly (readonly [what: string, connection: string, allowed: boolean, ...policies: KubeObject[]])[] = [
    ["nothing is closed without a policy", "y/b -> x/a:80", true],
    ["a policy without types and rules closes what comes in", "x/b -> x/a:80", false, policy("p", all)],
    ["and nothing that goes out", "x/a -> y/a:80", true, policy("p", all)],
    [
      "an empty list of egress without types closes nothing that goes out",
      "x/a -> y/a:80",
      true,
      policy("p", { ...all, egress: [] }),
    ],
    ["with the type it does", "x/a -> y/a:80", false, policy("p", { ...all, policyTypes: ["Egress"], egress: [] })],
    ["egress rules without types isolate both ways", "y/a -> x/a:80", false, policy("p", { ...all, egress: [{}] })],
    ["an empty rule opens all", "203.0.113.1 -> x/a:81", true, policy("p", { ...all, ingress: [{}] })],
    [
      "policies are united, whatever their order",
      "x/b -> x/a:80",
      true,
      policy("none", all),
      policy("some", { ...all, ingress: [{ from: [all] }] }),
    ],
    [
      "both ends must allow",
      "x/a -> y/a:80",
      false,
      policy("in", { ...all, ingress: [{}] }, "y"),
      policy("out", { ...all, policyTypes: ["Egress"] }),
    ],
    [
      "a pod selector means the policy's own namespace",
      "y/a -> x/b:80",
      false,
      policy("p", { ...all, ingress: [{ from: [onlyA] }] }),
    ],
    [
      "both selectors in one item mean both",
      "y/b -> x/a:80",
      false,
      policy("p", { ...all, ingress: [{ from: [{ ...onlyA, namespaceSelector: {} }] }] }),
    ],
    [
      "in two items they mean either",
      "y/b -> x/a:80",
      true,
      policy("p", { ...all, ingress: [{ from: [onlyA, { namespaceSelector: {} }] }] }),
    ],
    [
      "every namespace has its name as a label",
      "y/b -> x/a:80",
      true,
      policy("p", {
        ...all,
        ingress: [{ from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "y" } } }] }],
      }),
    ],
    [
      "a named port is the destination's own",
      "y/b -> x/a:80",
      true,
      policy("p", { ...all, ingress: [{ ports: [{ port: "http" }] }] }),
    ],
    ["and no other", "y/b -> x/a:81", false, policy("p", { ...all, ingress: [{ ports: [{ port: "http" }] }] })],
    [
      "its protocol must fit",
      "y/b -> x/a:53/udp",
      false,
      policy("p", { ...all, ingress: [{ ports: [{ port: "dns" }] }] }),
    ],
    [
      "ports are TCP unless told",
      "y/b -> x/a:53/udp",
      false,
      policy("p", { ...all, ingress: [{ ports: [{ port: 53 }] }] }),
    ],
    [
      "a range ends with its last port",
      "y/b -> x/a:81",
      true,
      policy("p", { ...all, ingress: [{ ports: [{ port: 80, endPort: 81 }] }] }),
    ],
    [
      "a protocol alone means all its ports",
      "y/b -> x/a:4000/udp",
      true,
      policy("p", { ...all, ingress: [{ ports: [{ protocol: "UDP" }] }] }),
    ],
    [
      "a block has pods in it as well",
      "y/b -> x/a:80",
      true,
      policy("p", { ...all, ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8" } }] }] }),
    ],
    [
      "but not those excepted",
      "y/b -> x/a:80",
      false,
      policy("p", { ...all, ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.0.0.4/32"] } }] }] }),
    ],
    [
      "unless another item has them",
      "y/b -> x/a:80",
      true,
      policy("p", {
        ...all,
        ingress: [
          {
            from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.0.0.4/32"] } }, { ipBlock: { cidr: "10.0.0.4/32" } }],
          },
        ],
      }),
    ],
    ["a node reaches its own pods", "node1 -> x/a:80", true, policy("p", all)],
    ["a pod reaches itself", "x/a -> x/a:80", true, policy("p", { ...all, policyTypes: ["Ingress", "Egress"] })],
    [
      "what cannot be read matches nothing",
      "y/b -> x/a:80",
      false,
      policy("p", { ...all, ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0" } }] }] }),
    ],
    [
      "an unknown protocol matches nothing",
      "y/b -> x/a:80",
      false,
      policy("p", { ...all, ingress: [{ ports: [{ protocol: "ICMP" }] }] }),
    ],
  ];
  for (const [what, connection, allowed, ...policies] of rows) {
    test(`${what}: ${connection}`, () => expect(decide(connection, ...policies).allowed).toBe(allowed));
  }
});

describe("explain()", () => {
  test("names the rule that allows", () => {
    expect(decide("x/a -> x/b:80", policy("p", { ...all, ingress: [{}, { from: [onlyA] }] })).text).toBe(
      "x/a → x/b tcp/80: allowed\n\negress of x/a: allowed, no policy isolates it\ningress of x/b: allowed by NetworkPolicy x/p spec.ingress[0]\n".replace(
        "\ningress",
        "\n\ningress",
      ),
    );
  });

  test("says why each rule does not", () => {
    const ingress = [
      { from: [{ podSelector: { matchLabels: { tier: "web" } } }], ports: [{ port: 81 }] },
      { ports: [{ port: 443 }] },
    ];
    expect(
      decide("x/a -> x/b:80", policy("p", { ...all, ingress }))
        .text.split("\n")
        .slice(4),
    ).toEqual([
      "ingress of x/b: denied, isolated by NetworkPolicy x/p",
      "  NetworkPolicy x/p spec.ingress[1].ports[0]: port 80 is not 443",
      "  NetworkPolicy x/p spec.ingress[0].from[0]: label tier=web is missing on x/a",
      "  NetworkPolicy x/p spec.ingress[0].ports[0]: port 80 is not 81",
      "",
    ]);
  });

  test("tells of a block that excepts the other end ahead of others, however many there are", () => {
    const blocks = Array.from({ length: 20 }, (_, index) => ({ ipBlock: { cidr: `192.0.${index}.0/24` } }));
    const near = { ipBlock: { cidr: "10.0.0.0/8", except: ["10.0.0.4/32"] } };
    const lines = decide("y/b -> x/a:80", policy("p", { ...all, ingress: [{ from: [...blocks, near] }] })).text.split(
      "\n",
    );
    expect(lines.filter((line) => line.includes("spec.ingress[0]"))).toEqual([
      "  NetworkPolicy x/p spec.ingress[0].from[20]: 10.0.0.4 is in 10.0.0.4/32, which is excepted",
      "  NetworkPolicy x/p spec.ingress[0].from[0]: 10.0.0.4 is not in 192.0.0.0/24",
      "  NetworkPolicy x/p spec.ingress[0].from[1]: 10.0.0.4 is not in 192.0.1.0/24",
      "  NetworkPolicy x/p spec.ingress[0].from[2]: 10.0.0.4 is not in 192.0.2.0/24",
      "  NetworkPolicy x/p spec.ingress[0].from[3]: 10.0.0.4 is not in 192.0.3.0/24",
      "  NetworkPolicy x/p spec.ingress[0]: and 16 more that do not fit",
    ]);
  });
});

describe("changesBetween()", () => {
  test("shows what a policy takes away", () => {
    const before = worldWith();
    expect(matrixOf(before).every(({ allowed }) => allowed)).toBe(true);
    const after = worldWith(
      policy("p", { ...onlyA, policyTypes: ["Ingress"], ingress: [{ from: [all], ports: [{ port: 80 }] }] }),
    );
    const lost = changesBetween(before, after).map(
      ({ from, to, traffic, allowed }) => `${from} ${to} ${traffic} ${allowed}`,
    );
    expect(lost).toEqual([
      "x/b x/a tcp/81 false",
      "x/b x/a udp/53 false",
      ...["y/a", "y/b", "world"].flatMap((from) =>
        ["tcp/80", "tcp/81", "udp/53"].map((traffic) => `${from} x/a ${traffic} false`),
      ),
    ]);
  });
});

describe("concernedBy()", () => {
  test("names pods that changed policies are about, and those that are others themselves", () => {
    const rows: readonly (readonly [what: readonly KubeObject[], concerned: readonly string[]])[] = [
      [[], []],
      [[policy("p", { ...onlyA, policyTypes: ["Ingress"] })], ["x/a"]],
      [[namespace("y", { team: "red" })], ["y/a", "y/b"]],
      [[pod("x", "b", { pod: "other" }, "10.0.0.2")], ["x/b"]],
      [[pod("x", "c", { pod: "c" }, "10.0.0.5")], ["x/c"]],
    ];
    const before = worldWith();
    for (const [objects, concerned] of rows) {
      const names = new Set(objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`));
      const kept = cast.filter(
        ({ kind, metadata }: KubeObject) => !names.has(`${kind} ${metadata.namespace}/${metadata.name}`),
      );
      const after = worldOf([...kept, ...objects]);
      expect(after.pods.filter(concernedBy(before, after)).map(formatParty)).toEqual([...concerned]);
    }
  });
});

describe("worldOf()", () => {
  test("knows that two replicas are not one pod", () => {
    const template = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c" }] } };
    for (const [replicas, reached] of [
      [1, true],
      [2, false],
    ] as const) {
      const spec = { replicas, template };
      const web = { apiVersion: "apps/v1", kind: "Deployment", metadata: { namespace: "x", name: "web" }, spec };
      const world = worldOf([web, policy("p", all)]);
      expect(
        matrixOf(world)
          .filter(({ from, to }) => from === "x/web" && to === "x/web")
          .map(({ allowed }) => allowed),
      ).toEqual([reached]);
    }
  });

  test("takes a workload's template for its pods", () => {
    const template = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c" }] } };
    const objects = [
      { apiVersion: "apps/v1", kind: "Deployment", metadata: { namespace: "shop", name: "web" }, spec: { template } },
    ];
    const { pods, namespaces } = worldOf(objects);
    expect(pods.map((each) => [formatParty(each), each.labels])).toEqual([["shop/web", { app: "web" }]]);
    expect(namespaces.get("shop")).toEqual({ "kubernetes.io/metadata.name": "shop" });
  });
});
