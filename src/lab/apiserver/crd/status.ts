// What the server says of a CustomResourceDefinition: whether its names are free, and whether it is served.

import type { KubeObject } from "#kube/object.ts";
import { equalJson } from "#lab/apiserver/schema/json.ts";
import { type CrdNames, crdSpec } from "./crd.ts";
import { storedVersionsOf } from "./validate-crd.ts";

/** Names of another resource of the same group. */
export type TakenNames = {
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly kind: string;
  readonly listKind: string;
};

type Condition = {
  readonly type: string;
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
};

/**
 * The definition with its status: accepted names, conditions, stored versions. The definition itself when nothing is
 * new. `others` are the other resources of its group, built-in ones included; `now` is RFC 3339.
 */
export function withCrdStatus(crd: KubeObject, others: readonly TakenNames[], now: string): KubeObject {
  const { names, versions } = crdSpec(crd);
  const conflict = nameConflict(names, others);
  const old = conditionsOf(crd);
  const wasEstablished = old.some(({ type, status }) => type === "Established" && status === "True");
  // Once served, a definition stays so: its objects would be out of reach otherwise.
  const established = conflict === undefined || wasEstablished;
  const conditions = [
    condition(
      "NamesAccepted",
      conflict === undefined,
      conflict?.reason ?? "NoConflicts",
      conflict?.message ?? "no conflicts found",
    ),
    established
      ? condition("Established", true, "InitialNamesAccepted", "the initial names have been accepted")
      : condition("Established", false, "NotAccepted", "not all names are accepted"),
  ].map((wanted) => {
    const before = old.find(({ type }) => type === wanted.type);
    return { ...wanted, lastTransitionTime: before?.status === wanted.status ? before.lastTransitionTime : now };
  });
  const kept = old.filter(({ type }) => !conditions.some((other) => other.type === type));
  const storage = versions.find((version) => version.storage)?.name ?? "";
  const status = {
    acceptedNames: established ? names : { plural: "", kind: "" },
    conditions: [...kept, ...conditions],
    storedVersions: [...new Set([...storedVersionsOf(crd), storage])],
  };
  return equalJson(status, crd["status"]) ? crd : { ...crd, status };
}

/** Whether the objects of the definition are served. */
export function isEstablished(crd: KubeObject): boolean {
  return conditionsOf(crd).some(({ type, status }) => type === "Established" && status === "True");
}

function condition(
  type: string,
  holds: boolean,
  reason: string,
  message: string,
): Omit<Condition, "lastTransitionTime"> {
  return { type, status: holds ? "True" : "False", reason, message };
}

function conditionsOf(crd: KubeObject): readonly Condition[] {
  const status = crd["status"] as { readonly conditions?: readonly Condition[] } | undefined;
  return status?.conditions ?? [];
}

/** Plural, singular and short names share one space: any of them may stand in a command. Kinds have another. */
function nameConflict(
  names: CrdNames,
  others: readonly TakenNames[],
): { readonly reason: string; readonly message: string } | undefined {
  const resources = new Set(others.flatMap(({ plural, singular, shortNames }) => [plural, singular, ...shortNames]));
  const kinds = new Set(others.flatMap(({ kind, listKind }) => [kind, listKind]));
  const { plural, singular = "", shortNames = [], kind, listKind = "" } = names;
  const wanted = [
    ["PluralConflict", plural, resources],
    ["SingularConflict", singular, resources],
    ...shortNames.map((name) => ["ShortNamesConflict", name, resources] as const),
    ["KindConflict", kind, kinds],
    ["ListKindConflict", listKind, kinds],
  ] as const;
  const taken = wanted.find(([, name, among]) => among.has(name));
  return taken === undefined
    ? undefined
    : { reason: taken[0], message: `${JSON.stringify(taken[1])} is already in use` };
}
