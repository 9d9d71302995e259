// Pods made from a template, by whichever controller.

import type { PodTemplateSpec } from "kubernetes-types/core/v1";
import { sorted } from "#base/same-json.ts";
import type { Draft } from "#kube/client.ts";
import type { Pod } from "#kube/kinds.ts";
import type { Metadata } from "#kube/object.ts";
import type { Resource } from "#kube/resource.ts";
import { referenceTo } from "./owner.ts";

/** What the maker of a pod adds to the template. */
type Extra = {
  /** A name of its own; without it the API server makes one from the owner's. */
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
};

/** A pod as its owner wants it. */
export function podFrom<T extends { readonly metadata: Metadata }>(
  resource: Resource<T>,
  owner: T,
  { metadata, spec }: PodTemplateSpec,
  extra: Extra = {},
): Draft<Pod> {
  const { namespace, name } = owner.metadata;
  return {
    metadata: {
      ...(extra.name === undefined ? { generateName: `${name}-` } : { name: extra.name }),
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...metadata?.labels, ...extra.labels },
      annotations: { ...metadata?.annotations, ...extra.annotations },
      ...(metadata?.finalizers === undefined ? {} : { finalizers: metadata.finalizers }),
      ownerReferences: [referenceTo(resource, owner)],
    } as Draft<Pod>["metadata"],
    ...(spec === undefined ? {} : { spec }),
  };
}

// The characters that Kubernetes' own hashes are written in: no vowels, so that no words come out.
const alphabet = "bcdfghjklmnpqrstvwxz2456789";

/** A short name for the contents of a template; equal templates have equal names, whatever the order of their keys. */
export function templateHash(template: unknown): string {
  let rest = BigInt(Bun.hash(JSON.stringify(sorted(template))));
  let text = "";
  while (text.length < 10) {
    text += alphabet[Number(rest % BigInt(alphabet.length))];
    rest /= BigInt(alphabet.length);
  }
  return text;
}
