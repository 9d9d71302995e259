// A pod as Twill sees it, and its translation from the Kubernetes object.

import type { Pod } from "#kube/kinds.ts";

export type PodModel = {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** What `addressesAnnotation` says; undefined: nothing. */
  readonly addresses: string | undefined;
};

/** Addresses that a pod must have, at most one of each family, separated by commas: `10.244.1.7,fd00::7`. */
export const addressesAnnotation = "twill.dev/addresses";

export function toPodModel({ metadata }: Pod): PodModel {
  const { namespace = "default", name, uid = "", annotations = {} } = metadata;
  return { namespace, name, uid, addresses: annotations[addressesAnnotation] };
}
