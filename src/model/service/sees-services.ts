// Pods whose sockets reach what they ask for: something in them wants to see services' own addresses.

import type { Pod } from "#kube/kinds.ts";

/** `false`: services are translated for the pod's packets, not at its sockets. `true`: at its sockets, whatever is in it. */
const socketAnnotation = "twill.dev/socket-translation";

/** Proxies of meshes, by the names that their injectors give them: they choose among a service's endpoints by themselves. */
const sidecars: readonly string[] = ["istio-proxy", "linkerd-proxy", "kuma-sidecar", "consul-dataplane"];

/** Whether the pod's sockets are left alone: as its annotation says, else when it has a mesh's proxy in it. */
export function seesServices({ metadata, spec }: Pod): boolean {
  const said = metadata.annotations?.[socketAnnotation];
  if (said !== undefined) return said === "false";
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  return containers.some(({ name }) => sidecars.includes(name));
}
