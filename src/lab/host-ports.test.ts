// Which pods cannot share a node.

import { describe, expect, test } from "bun:test";
import type { ContainerPort } from "kubernetes-types/core/v1";
import { podNamed } from "#test/lab/objects.ts";
import { portsClash } from "./host-ports.ts";

function withPort(port: Partial<ContainerPort>, kind: "containers" | "sidecars" | "initContainers" = "containers") {
  const container = { name: "c", ports: [{ containerPort: 80, ...port }] };
  if (kind === "containers") return podNamed("a", { spec: { containers: [container] } });
  const init = kind === "sidecars" ? { ...container, restartPolicy: "Always" } : container;
  return podNamed("a", { spec: { containers: [{ name: "main" }], initContainers: [init] } });
}

describe("portsClash()", () => {
  const taken = withPort({ hostPort: 8080, hostIP: "192.0.2.1" });
  const rows: readonly (readonly [what: string, clash: boolean, pod: ReturnType<typeof withPort>])[] = [
    ["the same port of the same address", true, withPort({ hostPort: 8080, hostIP: "192.0.2.1" })],
    ["the same port of another address", false, withPort({ hostPort: 8080, hostIP: "192.0.2.2" })],
    ["the same port of all addresses", true, withPort({ hostPort: 8080 })],
    ["the same port of all addresses of IPv4", true, withPort({ hostPort: 8080, hostIP: "0.0.0.0" })],
    ["the same port of another protocol", false, withPort({ hostPort: 8080, protocol: "UDP" })],
    ["another port", false, withPort({ hostPort: 8081 })],
    ["no port of the node", false, withPort({})],
    ["a port of a sidecar", true, withPort({ hostPort: 8080 }, "sidecars")],
    ["a port of a container that only comes first", false, withPort({ hostPort: 8080 }, "initContainers")],
  ];
  for (const [what, clash, pod] of rows) {
    test(`${what} is ${clash ? "taken" : "free"}`, () => {
      expect(portsClash(pod, [podNamed("b"), taken])).toBe(clash);
      expect(portsClash(taken, [pod])).toBe(clash);
    });
  }
});
