// Ports of the node that lead to its pods (`hostPort` of a container).

import type { Pod } from "#kube/kinds.ts";
import { objectName } from "#kube/object.ts";
import { familyOf, type Ip, parseIp } from "#net/ip.ts";
import type { Choice, Frontend, NodeSide } from "./frontend.ts";
import { type Protocol, portOf, protocolOf } from "./protocol.ts";

/** A port of the host that a pod wants. */
export type HostPort = {
  readonly protocol: Protocol;
  readonly hostPort: number;
  readonly containerPort: number;
  /** Undefined: all addresses of the node. */
  readonly hostAddress: Ip | undefined;
};

const anyAddress: readonly string[] = ["", "0.0.0.0", "::"];

/** None for a pod in the node's own network: its ports are the node's. */
export function hostPortsOf({ spec }: Pod): readonly HostPort[] {
  if (spec === undefined || spec.hostNetwork === true) return [];
  // A sidecar is an init container that stays. Manifests may lack what an API server asks for.
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  return containers.flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort = 0, containerPort, protocol: word = "TCP", hostIP = "" }) => {
      const protocol = protocolOf(word);
      const isAny = anyAddress.includes(hostIP);
      const hostAddress = isAny ? undefined : parseIp(hostIP);
      if (protocol === undefined || portOf(hostPort) === undefined || portOf(containerPort) === undefined) return [];
      return isAny || hostAddress !== undefined ? [{ protocol, hostPort, containerPort, hostAddress }] : [];
    }),
  );
}

/** Names a pod among services. */
export function podOwner(pod: Pick<Pod, "metadata">): string {
  return `pod ${objectName(pod)}`;
}

/** Whether frontends of this owner are a pod's host ports, and no service's. */
export function isPodOwner(owner: string): boolean {
  return owner.startsWith("pod ");
}

/** The frontends of a pod of this node with these addresses. */
export function hostPortFrontends(
  owner: string,
  ports: readonly HostPort[],
  podAddresses: readonly Ip[],
  { portAddresses }: Pick<NodeSide, "portAddresses">,
): readonly Frontend[] {
  return ports.flatMap(({ protocol, hostPort, containerPort, hostAddress }) =>
    (hostAddress === undefined ? portAddresses : [hostAddress]).flatMap((address) => {
      const family = familyOf(address);
      const pod = podAddresses.find((each) => familyOf(each) === family);
      if (pod === undefined) return [];
      const choice: Choice = { targets: [{ address: pod, port: containerPort, local: true }], otherwise: "refuse" };
      return [
        {
          ...{ service: owner, group: `${owner} ${protocol}/${hostPort} ${family}`, kind: "host-port" as const },
          ...{ address, protocol, port: hostPort, inside: choice, outside: choice, keepsSource: true },
          ...{ affinitySeconds: undefined, balance: "random" as const, directReturn: false, sourceRanges: undefined },
        },
      ];
    }),
  );
}
