// What cannot be served, in words, while the rest of the service is.

import { describe, expect, test } from "bun:test";
import { formatFrontend } from "#model/service/frontend.ts";
import { toServiceModel } from "#model/service/service.ts";
import { toSliceModel } from "#model/service/slice.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { service, slice } from "#test/lab/services.ts";
import { AddressBook } from "./address-book.ts";
import { rankOf, type ServiceSide, wantService } from "./want.ts";

const book = new AddressBook([
  { name: "n1", addresses: { ipv4: ip("172.30.0.11") }, blocks: [cidr("10.244.1.0/24"), cidr("fd00:10:244:1::/64")] },
  { name: "n2", addresses: { ipv4: ip("172.30.0.12") }, blocks: [cidr("10.244.2.0/25")] },
]);
const side: ServiceSide = { node: "n1", zone: undefined, portAddresses: [ip("172.30.0.11")], directReturn: undefined };

function show(
  spec: object,
  endpoint = "10.244.1.7",
  ingress: readonly object[] = [],
  annotations = {},
  from = side,
): readonly string[] {
  const object = service(spec, { loadBalancer: { ingress: [...ingress] } });
  const model = toServiceModel({ ...object, metadata: { ...object.metadata, annotations } });
  const endpoints = toSliceModel(slice([{ addresses: [endpoint] }]));
  if (model === undefined || endpoints === undefined) return [];
  const { frontends, refusals, faults } = wantService(model, [endpoints], from, book);
  return [...frontends.map(formatFrontend), `else refused: ${refusals.join(" ")}`, ...faults];
}

describe("wantService()", () => {
  const to = "10.244.1.7:8080";
  const own = `cluster tcp 10.96.0.20:80 → ${to}`;
  test("serves endpoints wherever they are", () => {
    expect(show({}, "203.0.113.9")).toEqual([
      "cluster tcp 10.96.0.20:80 → 203.0.113.9:8080",
      "else refused: 10.96.0.20",
    ]);
  });

  const rows: readonly (readonly [what: string, address: string, fault: string])[] = [
    ["a node's", "172.30.0.12", "the address of node n2"],
    ["a pod's", "10.244.2.9", "one of the pods' addresses of node n2, 10.244.2.0/25"],
  ];
  for (const [what, address, fault] of rows) {
    test(`does not serve a ClusterIP that is ${what}, and goes on serving the node's port`, () => {
      const spec = {
        clusterIP: address,
        clusterIPs: [address],
        type: "NodePort",
        ports: [{ port: 80, nodePort: 30080 }],
      };
      expect(show(spec)).toEqual([
        `node-port tcp 172.30.0.11:30080 → ${to}`,
        "else refused: ",
        `Service shop/web is not served at ${address}: that is ${fault}`,
      ]);
    });
  }

  test("serves a port of a node's address that is an outer one, and refuses nothing else there", () => {
    expect(show({ externalIPs: ["172.30.0.12", "10.244.1.9", "10.244.2.200"] })).toEqual([
      own,
      `external tcp 172.30.0.12:80 → ${to}`,
      `external tcp 10.244.2.200:80 → ${to}`,
      "else refused: 10.96.0.20",
      "Service shop/web is not served at 10.244.1.9: that is one of the pods' addresses of node n1, 10.244.1.0/24",
    ]);
  });

  test("refuses what else is sent to a balancer's address, unless that is a node's", () => {
    const spec = { type: "LoadBalancer" };
    expect(show(spec, "10.244.1.7", [{ ip: "198.51.100.7" }, { ip: "172.30.0.12" }]).at(-1)).toBe(
      "else refused: 10.96.0.20 198.51.100.7",
    );
  });

  test("does not let endpoints answer directly where packets go through an overlay", () => {
    const said = { "twill.dev/direct-return": "true" };
    expect(show({ externalIPs: ["192.0.2.7"] }, "10.244.1.7", [], said)).toEqual([
      own,
      `external tcp 192.0.2.7:80 → ${to}`,
      "else refused: 10.96.0.20",
      "Service shop/web asks to be answered directly, which needs fabric.mode direct: it is not",
    ]);
  });

  test("answers directly what clients have asked other nodes for, too, and chooses there as here", () => {
    const said = { "twill.dev/direct-return": "true", "twill.dev/balance": "random" };
    const direct = { ...side, directReturn: { otherNodes: [ip("172.30.0.12")] } };
    const spec = { type: "NodePort", ports: [{ port: 80, nodePort: 30080 }] };
    expect(show(spec, "10.244.1.7", [], said, direct)).toEqual([
      `${own}; maglev`,
      `node-port tcp 172.30.0.11:30080 → ${to}; maglev; returns directly`,
      `node-port tcp 172.30.0.12:30080 → ${to}; maglev; returns directly`,
      "else refused: 10.96.0.20",
    ]);
    expect(show(spec, "10.244.1.7", [], {}, direct).join()).not.toContain("172.30.0.12");
  });
});

test("wantService() tells where SCTP would have to change its port", () => {
  const ports = [
    { name: "same", port: 8080, protocol: "SCTP" },
    { name: "moved", port: 80, protocol: "SCTP", nodePort: 30080 },
    { name: "tcp", port: 80 },
  ];
  const model = toServiceModel(service({ type: "NodePort", ports }));
  const endpoints = ["same", "moved", "tcp"].map((name) =>
    toSliceModel(
      slice([{ addresses: ["10.244.1.7"] }], {
        ports: [{ name, port: 8080, protocol: name === "tcp" ? "TCP" : "SCTP" }],
      }),
    ),
  );
  if (model === undefined) throw new Error("There is a service");
  const slices = endpoints.filter((each) => each !== undefined);
  expect(wantService(model, slices, side, book).faults).toEqual([
    "Service shop/web is not served by SCTP from port 80 to port 8080: SCTP keeps its ports, give both the same number",
    "Service shop/web is not served by SCTP from port 30080 to port 8080: SCTP keeps its ports, give both the same number",
  ]);
});

test("rankOf() has the older one first, and of the same second the service before the pod", () => {
  const second = Date.parse("2026-01-01T00:00:07Z");
  const ranks = [rankOf(second + 1000, "a/old"), rankOf(second, "pod a/web"), rankOf(second, "shop/web")];
  expect(ranks.toSorted()).toEqual(ranks.toReversed());
});
