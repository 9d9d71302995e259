// Which of those that could take part in a probe shall.

import { matchesLabels, parseLabelSelector } from "#kube/selector.ts";
import type { Destination, Source } from "./cast.ts";

type Member = Pick<Source | Destination, "name" | "group" | "labels"> & {
  readonly kind: Source["kind"] | Destination["kind"];
};

/** Tells whether a member is meant. */
export type Selection = (member: Member) => boolean;

/** What keeps the cluster itself running is in this namespace. */
const clusterOwn = "kube-system/";

/**
 * By what people write, if anything: a kind (`pods`, `nodes`, `services`, `client`, `internet`), a name (`node1`, `frontend`, `shop/frontend`: of
 * a pod, a workload or a service), a namespace (`shop/`), or a label selector (`tier=web`). What is the cluster's
 * own is meant by its name, labels or namespace only, which may be all that there is to choose from. Throws `KubeError` for a
 * selector that is none.
 */
export function parseSelection(text: string | undefined, namespace?: string): Selection {
  const isCounted = ({ name }: Member) => namespace !== undefined || !name.startsWith(clusterOwn);
  if (text === undefined) return isCounted;
  const kind = kinds[text];
  if (kind !== undefined) return (member) => member.kind === kind && isCounted(member);
  if (text.endsWith("/")) return ({ name }) => name.startsWith(text);
  if (/^[a-z0-9]([-a-z0-9./]*[a-z0-9])?$/.test(text)) {
    return ({ name, group }) => [name, group].some((each) => each === text || each.endsWith(`/${text}`));
  }
  const selector = parseLabelSelector(text);
  return ({ labels }) => matchesLabels(selector, labels);
}

const kinds: Readonly<Record<string, Member["kind"]>> = {
  pods: "pod",
  nodes: "node",
  services: "service",
  client: "client",
  internet: "internet",
};
