// Ports of the host that pods have.

import { describe, expect, test } from "bun:test";
import { ip } from "#net/ip.ts";
import { podNamed } from "#test/lab/objects.ts";
import { formatFrontend } from "./frontend.ts";
import { hostPortFrontends, hostPortsOf, podOwner } from "./host-port.ts";

const portAddresses = [ip("172.30.0.11"), ip("fd00:30::11")];

function show(ports: readonly object[], spec: object = {}): readonly string[] {
  const pod = podNamed("web-1", { spec: { containers: [{ name: "web", ports: ports as never }], ...spec } });
  const addresses = [ip("10.244.1.7"), ip("fd00:10:244:1::7")];
  return hostPortFrontends(podOwner(pod), hostPortsOf(pod), addresses, { portAddresses }).map(formatFrontend);
}

describe("hostPortFrontends()", () => {
  const v4 = "host-port tcp 172.30.0.11:8080 → 10.244.1.7:80; keeps the source";
  const rows: readonly (readonly [what: string, port: object, lines: readonly string[]])[] = [
    ["no port of the host", { containerPort: 80 }, []],
    [
      "all addresses of the node",
      { containerPort: 80, hostPort: 8080 },
      [v4, "host-port tcp [fd00:30::11]:8080 → [fd00:10:244:1::7]:80; keeps the source"],
    ],
    ["one address", { containerPort: 80, hostPort: 8080, hostIP: "172.30.0.11" }, [v4]],
    ["an address that is none", { containerPort: 80, hostPort: 8080, hostIP: "here" }, []],
    ["a protocol that has no ports", { containerPort: 80, hostPort: 8080, protocol: "ICMP" }, []],
  ];
  for (const [what, port, lines] of rows) test(`has ${what}`, () => expect(show([port])).toEqual([...lines]));

  test("has none of a pod in the node's network", () => {
    expect(show([{ containerPort: 80, hostPort: 80 }], { hostNetwork: true })).toEqual([]);
  });
});
