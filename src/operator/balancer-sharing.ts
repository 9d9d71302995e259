// Who may have one outer address together: services that say so alike, ask for other ports, and can be reached on the same nodes.

import type { Service } from "#kube/kinds.ts";

/** Services with equal values may have one address; of which namespace they are makes no difference. */
export const sharingAnnotation = "twill.dev/load-balancer-sharing";

/** What is said of a service that others' addresses depend on. */
export type Sharing = {
  /** Undefined: it has its addresses for itself. */
  readonly with: string | undefined;
  /** `tcp 80` */
  readonly ports: readonly string[];
  /** What its endpoints are chosen by, where only their nodes may be asked (externalTrafficPolicy Local); undefined: all nodes may. */
  readonly localTo: string | undefined;
};

export function toSharing({ metadata, spec }: Service): Sharing {
  const value = metadata.annotations?.[sharingAnnotation]?.trim() ?? "";
  const selector = Object.entries(spec?.selector ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    with: value === "" ? undefined : value,
    ports: (spec?.ports ?? []).map(({ protocol = "TCP", port }) => `${protocol.toLowerCase()} ${port}`),
    localTo: spec?.externalTrafficPolicy === "Local" ? JSON.stringify([metadata.namespace, selector]) : undefined,
  };
}

/** Why two services cannot have one address, as the end of a sentence; undefined: they can. */
export function whyNotShared(one: Sharing, other: Sharing): string | undefined {
  if (one.with === undefined || one.with !== other.with)
    return `they share it where both have the same ${sharingAnnotation}`;
  const clash = one.ports.find((port) => other.ports.includes(port));
  if (clash !== undefined) return `both are for port ${clash}`;
  // One node answers for an address, and must have endpoints of both.
  if (one.localTo === other.localTo) return undefined;
  return "with externalTrafficPolicy Local both need it, in one namespace with one selector";
}
