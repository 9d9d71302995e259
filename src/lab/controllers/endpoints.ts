// Endpoints: the older form of what EndpointSlices say, for the clients that still read it.

import { sameJson } from "#base/same-json.ts";
import type { Endpoints, Pod, Service } from "#kube/kinds.ts";
import { endpoints } from "#kube/resource.ts";
import type { Controller } from "./controller.ts";
import { addressOf, endpointSliceController, portsOf, selects } from "./endpoint-slices.ts";
import { create, type Operation, patch, remove } from "./operation.ts";
import { isTerminating } from "./owner.ts";
import { isFinished, isReady } from "./pod-state.ts";

const managedByLabel = "endpoints.kubernetes.io/managed-by";
const manager = "endpoint-controller";

export const endpointsController: Controller = {
  name: "endpoints",
  keys: (kind, object, view) => {
    if (kind !== "endpoints") return endpointSliceController.keys(kind, object, view);
    const { namespace, name, labels } = object.metadata;
    const key = `${namespace}/${name}`;
    // What somebody has written may be there before its service.
    return view.services.has(key) || labels?.[managedByLabel] === manager ? [key] : [];
  },
  plan: (key, view) => {
    const service = view.services.get(key);
    const current = view.endpoints.get(key);
    if (service === undefined) {
      // Whoever has written them: as Kubernetes' controller, when the service goes.
      const isThere = current !== undefined && !isTerminating(current);
      return { operations: isThere ? [remove(endpoints, current, "the service is gone")] : [] };
    }
    if (service.spec?.selector === undefined || service.spec.type === "ExternalName") return { operations: [] };
    const pods = view.podsIn(service.metadata.namespace).filter((pod) => selects(service, pod.metadata.labels));
    return { operations: planEndpoints(service, pods, current) };
  },
};

/** The subsets of a service: pods with the same ports together, those that are not ready apart. */
function planEndpoints(service: Service, pods: readonly Pod[], current: Endpoints | undefined): readonly Operation[] {
  const family = service.spec?.ipFamilies?.[0] === "IPv6" ? "IPv6" : "IPv4";
  const found = pods.flatMap((pod) => {
    const ip = addressOf(pod, family);
    if (ip === undefined || isFinished(pod)) return [];
    const ready = (isReady(pod) && !isTerminating(pod)) || service.spec?.publishNotReadyAddresses === true;
    return [{ ports: portsOf(service, pod), ready, address: endpointAddress(service, pod, ip) }];
  });
  const groups = Map.groupBy(found, ({ ports }) => JSON.stringify(ports));
  const subsets = [...groups.values()].map((members) => {
    const [ready, notReady] = [true, false].map((wanted) =>
      members.filter((member) => member.ready === wanted).map(({ address }) => address),
    );
    return {
      ...(ready?.length === 0 ? {} : { addresses: ready }),
      ...(notReady?.length === 0 ? {} : { notReadyAddresses: notReady }),
      // Endpoints leave out the empty name.
      ports: members[0]?.ports.map(({ name, ...port }) => (name === "" ? port : { name, ...port })),
    };
  });
  const why = `${found.filter(({ ready }) => ready).length} of ${found.length} ready`;
  if (current !== undefined) {
    return sameJson(current.subsets ?? [], subsets) ? [] : [patch(endpoints, current, { subsets }, why)];
  }
  const { namespace = "", name, labels = {} } = service.metadata;
  const own: Readonly<Record<string, string>> = { ...labels, [managedByLabel]: manager };
  return [create(endpoints, { metadata: { namespace, name, labels: own }, subsets } as Endpoints, why)];
}

function endpointAddress(service: Service, pod: Pod, ip: string) {
  const { namespace = "", name, uid = "" } = pod.metadata;
  const { nodeName, hostname, subdomain } = pod.spec ?? {
    nodeName: undefined,
    hostname: undefined,
    subdomain: undefined,
  };
  return {
    ip,
    ...(hostname !== undefined && subdomain === service.metadata.name ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: "Pod", namespace, name, uid },
  };
}
