// Slices of bounded size from endpoints in groups, whoever says which endpoints there are.

import type { Endpoint, EndpointPort } from "kubernetes-types/discovery/v1";
import { sameJson } from "#base/same-json.ts";
import type { Draft } from "#kube/client.ts";
import type { EndpointSlice } from "#kube/kinds.ts";
import type { Metadata, OwnerReference } from "#kube/object.ts";
import { endpointSlices } from "#kube/resource.ts";
import { create, type Operation, patch, remove } from "./operation.ts";
import { isTerminating } from "./owner.ts";

export const managedByLabel = "endpointslice.kubernetes.io/managed-by";
export const serviceLabel = "kubernetes.io/service-name";

/** As many endpoints as Kubernetes' own controller puts into a slice unless told otherwise. */
const maxEndpoints = 100;

/** Endpoints of one family that have the same ports. */
export type SliceGroup = {
  readonly family: "IPv4" | "IPv6";
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
};

/** What new slices say of where they come from. */
export type SliceOwner = {
  readonly manager: string;
  readonly service: Pick<Metadata, "namespace" | "name">;
  readonly labels: Readonly<Record<string, string>>;
  readonly reference: OwnerReference;
};

/** Slices to make, change and remove. An endpoint stays in the slice it is in, so that a change costs what it touches. */
export function planGroups(
  owner: SliceOwner,
  groups: readonly SliceGroup[],
  current: readonly EndpointSlice[],
): readonly Operation[] {
  const operations: Operation[] = [];
  const kept = new Set<EndpointSlice>();
  for (const group of groups) {
    const slices = current.filter(
      (slice) =>
        slice.addressType === group.family &&
        // A slice that runs empty keeps the ports that it had.
        (group.endpoints.length === 0 || sameJson(slice.ports ?? [], group.ports)),
    );
    for (const slice of slices) kept.add(slice);
    operations.push(...planGroup(owner, group, slices));
  }
  const left = current.filter((slice) => !kept.has(slice) && !isTerminating(slice));
  return [...operations, ...left.map((slice) => remove(endpointSlices, slice, "no endpoint has these ports"))];
}

function planGroup(owner: SliceOwner, group: SliceGroup, slices: readonly EndpointSlice[]): readonly Operation[] {
  const missing = new Map(group.endpoints.map((endpoint) => [endpoint.addresses[0], endpoint]));
  const wanted = slices.map((slice) => {
    const kept = slice.endpoints.flatMap(({ addresses }) => {
      const endpoint = missing.get(addresses[0] ?? "");
      missing.delete(addresses[0] ?? "");
      return endpoint === undefined ? [] : [endpoint];
    });
    return { slice, endpoints: kept };
  });
  const rest = [...missing.values()];
  for (const { endpoints } of wanted) endpoints.push(...rest.splice(0, maxEndpoints - endpoints.length));

  const operations: Operation[] = [];
  for (const [index, { slice, endpoints }] of wanted.entries()) {
    // One slice stays although it is empty.
    const surplus = endpoints.length === 0 && (group.endpoints.length > 0 || index > 0);
    if (surplus) operations.push(remove(endpointSlices, slice, "empty"));
    else if (!sameJson(slice.endpoints, endpoints)) {
      operations.push(patch(endpointSlices, slice, { endpoints }, `${endpoints.length} endpoints`));
    }
  }
  if (wanted.length === 0 || rest.length > 0) {
    do operations.push(createSlice(owner, group, rest.splice(0, maxEndpoints)));
    while (rest.length > 0);
  }
  return operations;
}

function createSlice(
  { manager, service: { namespace = "", name = "" }, labels, reference }: SliceOwner,
  { family, ports }: SliceGroup,
  endpoints: readonly Endpoint[],
): Operation {
  const slice = {
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: { ...labels, [serviceLabel]: name, [managedByLabel]: manager },
      ownerReferences: [reference],
    },
    addressType: family,
    ports: [...ports],
    endpoints: [...endpoints],
  } as Draft<EndpointSlice>;
  return create(endpointSlices, slice, `${endpoints.length} endpoints`);
}
