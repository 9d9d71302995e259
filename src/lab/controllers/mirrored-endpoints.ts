// EndpointSlices of Endpoints that somebody has written for a service without a selector: proxies read slices only.

import type { EndpointAddress } from "kubernetes-types/core/v1";
import type { EndpointSlice, Endpoints, Service } from "#kube/kinds.ts";
import { endpointSlices, endpoints as endpointsResource } from "#kube/resource.ts";
import type { Controller } from "./controller.ts";
import { endpointSliceController } from "./endpoint-slices.ts";
import { type Operation, remove } from "./operation.ts";
import { isTerminating, referenceTo } from "./owner.ts";
import { managedByLabel, planGroups, type SliceGroup } from "./slice-groups.ts";

const manager = "endpointslicemirroring-controller.k8s.io";
/** On Endpoints whose owner writes slices as well. */
export const skipLabel = "endpointslice.kubernetes.io/skip-mirror";

export const mirroredEndpointsController: Controller = {
  name: "endpointslicemirroring",
  keys: (kind, object, view) => {
    if (kind === "endpoints") return [`${object.metadata.namespace}/${object.metadata.name}`];
    return kind === "pods" ? [] : endpointSliceController.keys(kind, object, view);
  },
  plan: (key, view) => {
    const [namespace = "", name = ""] = key.split("/", 2);
    const service = view.services.get(key);
    const slices = view.slicesOf(service ?? { metadata: { namespace, name } });
    const own = slices.filter((slice) => slice.metadata.labels?.[managedByLabel] === manager);
    return { operations: planMirror(mirroredBy(service, view.endpoints.get(key)), own) };
  },
};

/** What is mirrored for a service: undefined while it is not there, and when slices are somebody else's matter. */
function mirroredBy(service: Service | undefined, written: Endpoints | undefined): Endpoints | undefined {
  const isMirrored =
    service !== undefined && service.spec?.selector === undefined && written?.metadata.labels?.[skipLabel] !== "true";
  return isMirrored ? written : undefined;
}

/** Undefined: nothing is to be mirrored. */
export function planMirror(written: Endpoints | undefined, current: readonly EndpointSlice[]): readonly Operation[] {
  if (written === undefined || isTerminating(written)) {
    const left = current.filter((slice) => !isTerminating(slice));
    return left.map((slice) => remove(endpointSlices, slice, "nobody writes its endpoints"));
  }
  const { labels = {} } = written.metadata;
  const owner = { manager, labels, service: written.metadata, reference: referenceTo(endpointsResource, written) };
  return planGroups(owner, groupsOf(written), current);
}

function groupsOf({ subsets = [] }: Endpoints): readonly SliceGroup[] {
  const all = subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) => {
    const open = ports.map(({ name = "", port, protocol = "TCP" }) => ({ name, port, protocol }));
    const states = [
      ...addresses.map((address) => ({ address, ready: true })),
      ...notReadyAddresses.map((address) => ({ address, ready: false })),
    ];
    return states.map(({ address, ready }) => ({
      family: address.ip.includes(":") ? ("IPv6" as const) : ("IPv4" as const),
      ports: open,
      endpoint: endpointOf(address, ready),
    }));
  });
  const groups = Map.groupBy(all, ({ family, ports }) => JSON.stringify([family, ports]));
  return [...groups.values()].flatMap((members) =>
    members.slice(0, 1).map(({ family, ports }) => ({
      family,
      ports,
      endpoints: members.map(({ endpoint }) => endpoint),
    })),
  );
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean) {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  };
}
