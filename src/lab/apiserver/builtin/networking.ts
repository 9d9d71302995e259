// The groups networking.k8s.io and discovery.k8s.io: policies, ingresses, and where services' pods are.

import { defineGroup, statusOf } from "./define.ts";

export const networking = defineGroup("networking.k8s.io", "v1", [
  { kind: "NetworkPolicy", plural: "networkpolicies", shortNames: ["netpol"], generation: true },
  {
    kind: "Ingress",
    plural: "ingresses",
    shortNames: ["ing"],
    generation: true,
    subresources: [statusOf("Ingress")],
  },
  { kind: "IngressClass", plural: "ingressclasses", namespaced: false, generation: true },
]);

export const discovery = defineGroup("discovery.k8s.io", "v1", [{ kind: "EndpointSlice", generation: true }]);
