// Services and slices for tests of the service proxy, and the node that they are seen from.

import type { EndpointSlice, Service } from "#kube/kinds.ts";
import type { NodeSide } from "#lab/proxy/node-side.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";

export const side: NodeSide = {
  node: "node1",
  addresses: [ip("172.30.0.11"), ip("fd00:30::11")],
  podBlocks: { ipv4: cidr("10.244.0.0/16"), ipv6: cidr("fd00:10:244::/56") },
  serviceBlocks: { ipv4: cidr("10.96.0.0/16"), ipv6: cidr("fd00:10:96::/112") },
};

/** `shop/web` at 10.96.0.20 with TCP port 80, where `spec` says nothing else. */
export function service(spec: Service["spec"], status?: Service["status"]): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "shop", name: "web" },
    spec: { clusterIP: "10.96.0.20", clusterIPs: ["10.96.0.20"], ports: [{ port: 80 }], ...spec },
    ...(status === undefined ? {} : { status }),
  };
}

/** Of `shop/web`, with TCP port 8080. */
export function slice(endpoints: EndpointSlice["endpoints"], rest: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { namespace: "shop", name: "web-1", labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    ports: [{ port: 8080, protocol: "TCP" }],
    ...rest,
    endpoints,
  };
}
