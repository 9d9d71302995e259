// Who answers names in the cluster, as its Service says.

import type { Traffic } from "#model/policy/match.ts";
import type { Party } from "#model/policy/party.ts";
import { backendsOf, type World } from "#model/policy/world.ts";

/** The port that pods ask, of the service. */
export const dnsPort = 53;

/** Somebody who answers, and the traffic that policies see of a question. */
export type DnsTarget = { readonly party: Party; readonly traffic: Traffic };

export type ClusterDns = {
  /** `service kube-system/kube-dns` */
  readonly title: string;
  readonly udp: readonly DnsTarget[];
  readonly tcp: readonly DnsTarget[];
};

/**
 * Of the Service `kube-dns` of kube-system, or one with the label that clusters give it; undefined where there is none, or nobody behind it.
 */
export function clusterDns(world: World): ClusterDns | undefined {
  const service = world.services.find(
    ({ namespace, name, labels }) =>
      namespace === "kube-system" && (name === "kube-dns" || labels["k8s-app"] === "kube-dns"),
  );
  if (service === undefined) return undefined;
  const targetsOf = (protocol: "udp" | "tcp"): readonly DnsTarget[] => {
    const ports = service.ports.filter((each) => each.port === dnsPort && each.protocol === protocol);
    // Somebody else translates behind the policies, which see the service's own address.
    if (service.otherProxy !== undefined && !service.headless) {
      const party: Party = { party: "address", addresses: service.ownAddresses };
      return ports.map(({ port }) => ({ party, traffic: { protocol, port } }));
    }
    return ports.flatMap((each) =>
      backendsOf(world, service, each).map(({ party, port }) => ({ party, traffic: { protocol, port } })),
    );
  };
  const [udp, tcp] = [targetsOf("udp"), targetsOf("tcp")];
  return udp.length === 0 ? undefined : { title: `service ${service.namespace}/${service.name}`, udp, tcp };
}
