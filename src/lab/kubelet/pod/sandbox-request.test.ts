// What plugins are told of a pod, in containerd's words.
import { describe, expect, test } from "bun:test";
import type { PodSpec } from "kubernetes-types/core/v1";
import { ip } from "#net/ip.ts";
import { pod } from "#test/lab-pod.ts";
import { capabilityArgs, sandboxRequest } from "./sandbox-request.ts";

const dns = { servers: [ip("10.96.0.10")], domain: "cluster.local", upstream: [ip("203.0.113.10")] };
const dnsArgs = {
  Servers: ["10.96.0.10"],
  Searches: ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"],
  Options: ["ndots:5"],
};
const always = { dns: dnsArgs, "io.kubernetes.cri.pod-annotations": {} };

describe("capabilityArgs()", () => {
  test("of a plain pod are its name servers", () => expect(capabilityArgs(pod(), dns)).toEqual(always));

  test("map ports of the node, and only those", () => {
    const ports = [{ containerPort: 80 }, { containerPort: 53, hostPort: 5353, protocol: "UDP", hostIP: "127.0.0.1" }];
    expect(capabilityArgs(pod({ containers: [{ name: "c", ports }] }), dns)).toEqual({
      ...always,
      portMappings: [{ HostPort: 5353, ContainerPort: 53, Protocol: "udp", HostIP: "127.0.0.1" }],
    });
  });

  const rows: readonly (readonly [annotation: string, text: string, args: object])[] = [
    ["kubernetes.io/ingress-bandwidth", "10M", { bandwidth: { IngressRate: 10_000_000, IngressBurst: 4_294_967_295 } }],
    ["kubernetes.io/egress-bandwidth", "1Gi", { bandwidth: { EgressRate: 2 ** 30, EgressBurst: 4_294_967_295 } }],
    ["twill.dev/ips", "10.244.1.7, fd00::7", { ips: ["10.244.1.7", "fd00::7"] }],
    ["twill.dev/mac", "02:00:00:00:00:01", { mac: "02:00:00:00:00:01" }],
  ];
  for (const [annotation, text, args] of rows) {
    test(`take ${annotation}`, () => {
      const annotations = { [annotation]: text };
      const expected = { dns: dnsArgs, "io.kubernetes.cri.pod-annotations": annotations, ...args };
      expect(capabilityArgs(pod({}, { annotations }), dns)).toEqual(expected);
    });
  }
});

test("sandboxRequest() names the pod as containerd's CNI_ARGS do", () => {
  const spec: Partial<PodSpec> = {
    hostname: "db",
    shareProcessNamespace: true,
    securityContext: { sysctls: [{ name: "net.ipv4.ip_forward", value: "1" }] },
  };
  expect(sandboxRequest(pod(spec), dns)).toMatchObject({
    hostname: "db",
    hostNetwork: false,
    sharedProcesses: true,
    sysctls: [["net.ipv4.ip_forward", "1"]],
    cniArgs: [
      ["IgnoreUnknown", "1"],
      ["K8S_POD_NAMESPACE", "shop"],
      ["K8S_POD_NAME", "web-0"],
      ["K8S_POD_UID", "u1"],
    ],
  });
});
