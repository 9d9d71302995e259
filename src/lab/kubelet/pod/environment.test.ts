// Variables of containers from every source, and what is missing.
import { describe, expect, test } from "bun:test";
import type { Container } from "kubernetes-types/core/v1";
import type { Service } from "#kube/kinds.ts";
import { ip } from "#net/ip.ts";
import { pod } from "#test/lab-pod.ts";
import { environmentOf, type Sources } from "./environment.ts";
import { expand } from "./expand.ts";
import type { NodeFacts } from "./fields.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const sources: Sources = {
  configMap: (name) => (name === "conf" ? new Map([["greeting", bytes("hello")]]) : undefined),
  secret: (name) => (name === "hidden" ? new Map([["password", bytes("s3")]]) : undefined),
};
const node: NodeFacts = {
  ...{ name: "node1", ips: [ip("172.30.0.11")], podIps: [ip("10.244.1.2")], cpus: 2, memoryBytes: 2 ** 31 },
  defaults: [["PATH", "/bin"]],
};

function service(name: string, namespace: string, clusterIP: string, ports: Service["spec"]): Service {
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace }, spec: { clusterIP, ...ports } };
}

function variables(container: Partial<Container>, services: readonly Service[] = [], spec = {}) {
  const labels = { app: "web", tier: "front" };
  return Object.fromEntries(environmentOf(pod(spec, { labels }), { name: "c", ...container }, node, services, sources));
}

describe("environmentOf()", () => {
  const rows: readonly (readonly [what: string, container: Partial<Container>, name: string, value: string])[] = [
    ["a value", { env: [{ name: "A", value: "x" }] }, "A", "x"],
    [
      "a reference to one before",
      {
        env: [
          { name: "A", value: "x" },
          { name: "B", value: "$(A)$(C)$$(A)" },
        ],
      },
      "B",
      "x$(C)$(A)",
    ],
    ["a field", { env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }] }, "A", "10.244.1.2"],
    ["a label", { env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } }] }, "A", "web"],
    [
      "labels",
      { env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.labels" } } }] },
      "A",
      'app="web"\ntier="front"',
    ],
    [
      "a limit in units",
      {
        resources: { limits: { memory: "64Mi" } },
        env: [{ name: "A", valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" } } }],
      },
      "A",
      "64",
    ],
    [
      "the node's for no limit",
      { env: [{ name: "A", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } }] },
      "A",
      "2",
    ],
    [
      "a key of a ConfigMap",
      { env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "conf", key: "greeting" } } }] },
      "A",
      "hello",
    ],
    [
      "a key of a Secret",
      { env: [{ name: "A", valueFrom: { secretKeyRef: { name: "hidden", key: "password" } } }] },
      "A",
      "s3",
    ],
    ["all of a ConfigMap", { envFrom: [{ prefix: "C_", configMapRef: { name: "conf" } }] }, "C_greeting", "hello"],
    ["what every container has", {}, "PATH", "/bin"],
  ];
  for (const [what, container, name, value] of rows) test(what, () => expect(variables(container)[name]).toBe(value));

  const faults: readonly (readonly [what: string, container: Partial<Container>, message: string])[] = [
    [
      "a missing ConfigMap",
      { env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "no", key: "k" } } }] },
      'configmap "no" not found',
    ],
    [
      "a missing key",
      { env: [{ name: "A", valueFrom: { secretKeyRef: { name: "hidden", key: "k" } } }] },
      "couldn't find key k in Secret shop/hidden",
    ],
    ["a missing source", { envFrom: [{ secretRef: { name: "no" } }] }, 'secret "no" not found'],
    [
      "a field that is none",
      { env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "spec.x" } } }] },
      "field spec.x",
    ],
  ];
  for (const [what, container, message] of faults)
    test(what, () => expect(() => variables(container)).toThrow(message));

  test("what is optional may be missing", () => {
    const container = {
      envFrom: [{ configMapRef: { name: "no", optional: true } }],
      env: [{ name: "A", valueFrom: { secretKeyRef: { name: "no", key: "k", optional: true } } }],
    };
    expect(variables(container)).toEqual({ PATH: "/bin" });
  });

  const services = [
    service("my-db", "shop", "10.96.0.7", {
      ports: [
        { port: 5432, name: "sql" },
        { port: 53, protocol: "UDP" },
      ],
    }),
    service("none", "shop", "None", { ports: [{ port: 1 }] }),
    service("other", "elsewhere", "10.96.0.8", { ports: [{ port: 1 }] }),
    service("kubernetes", "default", "fd00:10:96::1", { ports: [{ port: 443 }] }),
  ];

  test("services of the namespace, and the API's", () => {
    expect(variables({}, services)).toEqual({
      PATH: "/bin",
      MY_DB_SERVICE_HOST: "10.96.0.7",
      MY_DB_SERVICE_PORT: "5432",
      MY_DB_SERVICE_PORT_SQL: "5432",
      MY_DB_PORT: "tcp://10.96.0.7:5432",
      MY_DB_PORT_5432_TCP: "tcp://10.96.0.7:5432",
      MY_DB_PORT_5432_TCP_PROTO: "tcp",
      MY_DB_PORT_5432_TCP_PORT: "5432",
      MY_DB_PORT_5432_TCP_ADDR: "10.96.0.7",
      MY_DB_PORT_53_UDP: "udp://10.96.0.7:53",
      MY_DB_PORT_53_UDP_PROTO: "udp",
      MY_DB_PORT_53_UDP_PORT: "53",
      MY_DB_PORT_53_UDP_ADDR: "10.96.0.7",
      KUBERNETES_SERVICE_HOST: "fd00:10:96::1",
      KUBERNETES_SERVICE_PORT: "443",
      KUBERNETES_PORT: "tcp://[fd00:10:96::1]:443",
      KUBERNETES_PORT_443_TCP: "tcp://[fd00:10:96::1]:443",
      KUBERNETES_PORT_443_TCP_PROTO: "tcp",
      KUBERNETES_PORT_443_TCP_PORT: "443",
      KUBERNETES_PORT_443_TCP_ADDR: "fd00:10:96::1",
    });
  });

  test("without links only the API's", () => {
    const names = Object.keys(variables({}, services, { enableServiceLinks: false }));
    expect(names.filter((name) => !name.startsWith("KUBERNETES_"))).toEqual(["PATH"]);
  });
});

test("expand() leaves what is no reference", () => {
  expect(expand("$A $[A] $(A) $$(A) $$$(A) $(", new Map([["A", "x"]]))).toBe("$A $[A] x $(A) $x $(");
});
