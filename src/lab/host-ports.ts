// Ports of a node that pods take for themselves: no two pods on a node have the same.

import type { Pod } from "#kube/kinds.ts";

type HostPort = { readonly port: number; readonly protocol: string; readonly ip: string };

/** What the scheduler says of a node, and the kubelet of a pod, when a port is taken. */
export const portsTaken = "node(s) didn't have free ports for the requested pod ports";

/** Whether a pod wants a port that one of the others has. */
export function portsClash(pod: Pod, others: readonly Pod[]): boolean {
  const wanted = hostPortsOf(pod);
  return wanted.length > 0 && others.flatMap(hostPortsOf).some((taken) => wanted.some((port) => samePort(port, taken)));
}

/** Those of the containers that run as long as the pod does. */
function hostPortsOf({ spec }: Pod): readonly HostPort[] {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  const ports = [...(spec?.containers ?? []), ...sidecars].flatMap((container) => container.ports ?? []);
  return ports.flatMap(({ hostPort, protocol = "TCP", hostIP = "" }) =>
    hostPort === undefined || hostPort === 0 ? [] : [{ port: hostPort, protocol, ip: hostIP }],
  );
}

function samePort(a: HostPort, b: HostPort): boolean {
  const everywhere = (ip: string) => ip === "0.0.0.0" || ip === "::" || ip === "";
  return a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || everywhere(a.ip) || everywhere(b.ip));
}
