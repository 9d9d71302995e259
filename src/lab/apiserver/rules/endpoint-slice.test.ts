// How much fits into an EndpointSlice.

import { expect, test } from "bun:test";
import { endpointSliceRules } from "./endpoint-slice.ts";

const some = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const endpoint = (count: number) => ({ addresses: some(count).map((number) => `10.244.0.${number}`) });

for (const [what, fields, faults] of [
  ["20,000 ports", { ports: some(20_000).map((port) => ({ port })) }, []],
  [
    "a port more",
    { ports: some(20_001).map((port) => ({ port })) },
    ["Too many: 20001: must have at most 20000 items"],
  ],
  ["1,000 endpoints", { endpoints: some(1000).map(() => endpoint(1)) }, []],
  [
    "an endpoint more",
    { endpoints: some(1001).map(() => endpoint(1)) },
    ["Too many: 1001: must have at most 1000 items"],
  ],
  ["100 addresses of an endpoint", { endpoints: [endpoint(100)] }, []],
  ["an address more", { endpoints: [endpoint(101)] }, ["Too many: 101: must have at most 100 items"]],
] as const) {
  test(`An EndpointSlice with ${what} is ${faults.length === 0 ? "taken" : "refused"}`, () => {
    const slice = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata: {}, addressType: "IPv4" };
    const causes = endpointSliceRules.validate?.({ ...slice, ...fields }, undefined) ?? [];
    expect(causes.map(({ message }) => message)).toEqual([...faults]);
  });
}
