// Who takes part in a probe, and how each is called, as text.

import { describe, expect, test } from "bun:test";
import type { Pod, Service } from "#kube/kinds.ts";
import {
  clientSource,
  type Destination,
  internetDestinations,
  nodeSource,
  podDestinations,
  podSource,
  serviceDestinations,
} from "./cast.ts";
import { parseSelection } from "./selection.ts";

const frontend: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    namespace: "shop",
    name: "frontend-5d9c-x7k2p",
    labels: { app: "frontend", "pod-template-hash": "5d9c" },
    ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "frontend-5d9c", uid: "1", controller: true }],
  },
  spec: {
    containers: [
      { name: "main", ports: [{ containerPort: 8080 }, { containerPort: 8125, protocol: "UDP" }] },
      { name: "side", ports: [{ containerPort: 9000, protocol: "SCTP" }] },
    ],
  },
  status: { podIP: "10.244.1.7", podIPs: [{ ip: "10.244.1.7" }] },
};

function service(spec: Service["spec"], name = "web"): Service {
  return { apiVersion: "v1", kind: "Service", metadata: { namespace: "shop", name }, spec: spec ?? {} };
}

function show({ name, protocol, port, hosts }: Destination): string {
  const ways = Object.entries(hosts).map(([kind, { host, port: at = port }]) => `${kind} ${host}:${at}`);
  return `${name} ${protocol} ${port}: ${ways.join(", ")}`;
}

describe("podSource()", () => {
  test("is named by its workload", () => {
    expect(podSource(frontend)).toMatchObject({
      ...{ name: "shop/frontend-5d9c-x7k2p", short: "shop/frontend-x7k2p", group: "shop/frontend" },
    });
    const [owner] = frontend.metadata.ownerReferences ?? [];
    if (owner === undefined) throw new TypeError("no owner");
    const database = {
      ...frontend,
      metadata: { namespace: "shop", name: "db-0", ownerReferences: [{ ...owner, kind: "StatefulSet", name: "db" }] },
    };
    expect(podSource(database)).toMatchObject({ name: "shop/db-0", short: "shop/db-0", group: "shop/db" });
    const alone = { ...frontend, metadata: { namespace: "shop", name: "alone" } };
    expect(podSource(alone)).toMatchObject({ name: "shop/alone", short: "shop/alone", group: "shop/alone" });
  });
});

describe("podDestinations()", () => {
  test("are its ports at its address", () => {
    expect(podDestinations(frontend, true).map(show)).toEqual([
      "shop/frontend-5d9c-x7k2p tcp 8080: pod 10.244.1.7:8080, node 10.244.1.7:8080, client 10.244.1.7:8080",
      "shop/frontend-5d9c-x7k2p udp 8125: pod 10.244.1.7:8125, node 10.244.1.7:8125, client 10.244.1.7:8125",
    ]);
    const dual = { podIPs: [{ ip: "10.244.1.7" }, { ip: "fd00:10:244::7" }] };
    const families = podDestinations({ ...frontend, status: dual }, true).map(
      ({ family, hosts }) => `${family} ${hosts.pod?.host}`,
    );
    expect(families.slice(0, 2)).toEqual(["ipv4 10.244.1.7", "ipv6 fd00:10:244::7"]);
    expect(podDestinations({ ...frontend, status: {} }, true)).toEqual([]);
  });

  test("are not called from outside where nobody there knows the way, unless they share their node's address", () => {
    const fromOutside = (pod: Pod) => podDestinations(pod, false).map(({ hosts }) => hosts.client?.host);
    expect(fromOutside(frontend)).toEqual([undefined, undefined]);
    const spec = { containers: [], ...frontend.spec, hostNetwork: true };
    expect(fromOutside({ ...frontend, spec })).toEqual(["10.244.1.7", "10.244.1.7"]);
  });
});

describe("serviceDestinations()", () => {
  const ports = [{ port: 80 }];
  const rows: readonly (readonly [what: string, service: Service, lines: readonly string[]])[] = [
    [
      "an ordinary one by its name, and its address for nodes",
      service({ clusterIP: "10.96.0.20", ports }),
      ["shop/web tcp 80: pod web.shop:80, node 10.96.0.20:80"],
    ],
    ["a headless one by its name alone", service({ clusterIP: "None", ports }), ["shop/web tcp 80: pod web.shop:80"]],
    [
      "one with a node port, for the client through a node",
      service({ clusterIP: "10.96.0.20", type: "NodePort", ports: [{ port: 80, nodePort: 30080 }] }),
      ["shop/web tcp 80: pod web.shop:80, node 10.96.0.20:80, client 172.30.0.11:30080"],
    ],
    [
      "one with an external address, for the client there",
      service({
        clusterIP: "10.96.0.20",
        externalIPs: ["192.0.2.7"],
        ports: [{ port: 53, protocol: "UDP", nodePort: 30053 }],
      }),
      ["shop/web udp 53: pod web.shop:53, node 10.96.0.20:53, client 192.0.2.7:53"],
    ],
    ["no other name", service({ type: "ExternalName", externalName: "www.example.com" }), []],
  ];
  for (const [what, given, lines] of rows) {
    test(`are ${what}`, () => expect(serviceDestinations(given, "172.30.0.11").map(show)).toEqual([...lines]));
  }
});

test("internetDestinations() are of the lab's first family", () => {
  expect(internetDestinations("dual").map(show)).toEqual([
    "www.example.com tcp 80: pod www.example.com:80, node 203.0.113.10:80, client 203.0.113.10:80",
    "www.example.com udp 7: pod 203.0.113.10:7, node 203.0.113.10:7, client 203.0.113.10:7",
  ]);
  expect(internetDestinations("ipv6")[1]?.hosts.pod?.host).toBe("2001:db8:113::10");
});

describe("parseSelection()", () => {
  const members = [
    podSource(frontend),
    nodeSource("node1"),
    clientSource,
    ...serviceDestinations(service({ ports: [{ port: 80 }] }, "frontend"), undefined),
    ...internetDestinations("ipv4"),
  ];
  const rows: readonly (readonly [text: string, meant: string])[] = [
    ["pods", "shop/frontend-5d9c-x7k2p"],
    ["nodes", "node1"],
    ["client", "client"],
    ["services", "shop/frontend"],
    ["internet", "www.example.com www.example.com"],
    ["www.example.com", "www.example.com www.example.com"],
    ["node1", "node1"],
    ["frontend", "shop/frontend-5d9c-x7k2p shop/frontend"],
    ["shop/frontend", "shop/frontend-5d9c-x7k2p shop/frontend"],
    ["frontend-5d9c-x7k2p", "shop/frontend-5d9c-x7k2p"],
    ["shop/", "shop/frontend-5d9c-x7k2p shop/frontend"],
    ["app=frontend", "shop/frontend-5d9c-x7k2p"],
    ["app in (x, frontend)", "shop/frontend-5d9c-x7k2p"],
    ["nobody", ""],
  ];
  test("the cluster's own is meant where it is named", () => {
    const own = podSource({ ...frontend, metadata: { namespace: "kube-system", name: "coredns", labels: { a: "b" } } });
    const asked = [undefined, "pods", "coredns", "kube-system/", "a=b"].map((text) => parseSelection(text)(own));
    expect(asked).toEqual([false, false, true, true, true]);
    expect([undefined, "pods"].map((text) => parseSelection(text, "kube-system")(own))).toEqual([true, true]);
  });

  for (const [text, meant] of rows) {
    test(`"${text}" means ${meant || "nobody"}`, () => {
      expect(
        members
          .filter(parseSelection(text))
          .map(({ name }) => name)
          .join(" "),
      ).toBe(meant);
    });
  }
});
