// What a linter says, and of what.

import type { KubeObject } from "#kube/object.ts";
import type { About } from "#model/policy/about.ts";
import type { Classify } from "#model/policy/classify.ts";
import { formatOrigin, type Origin, type Policy } from "#model/policy/rule.ts";
import type { World } from "#model/policy/world.ts";
import type { Addresses } from "./addresses.ts";
import type { ClusterDns } from "./cluster-dns.ts";

export type Warning = {
  /** A word for the trap. */
  readonly rule: string;
  readonly origin: Origin;
  readonly message: string;
};

/** A policy, the object that it is from, and what else there is. */
export type Subject = {
  readonly policy: Policy;
  readonly written: KubeObject;
  readonly world: World;
  readonly pods: Addresses;
  readonly services: Addresses;
  readonly about: About;
  readonly classOf: Classify;
  readonly dns: ClusterDns | undefined;
};

/** `NetworkPolicy shop/db spec.ingress[0]: … (or-not-and)` */
export function formatWarning({ rule, origin, message }: Warning): string {
  return `${formatOrigin(origin)}: ${message} (${rule})`;
}

/** What an object has at a path like `spec.ingress[0].from[1]`; undefined when it has nothing there. */
export function valueAt(object: KubeObject, path: string): unknown {
  const steps = path.split(/[.[\]]+/).filter((step) => step !== "");
  return steps.reduce<unknown>(
    (value, step) => (typeof value === "object" && value !== null ? Reflect.get(value, step) : undefined),
    object,
  );
}
