// Which form of an answer the caller accepts: the object, a table, or metadata only.

import { kubeError } from "#kube/kube-error.ts";

export type Form =
  | { readonly as: "object"; readonly encoding: "json" | "yaml" }
  | { readonly as: "table"; readonly version: "v1" | "v1beta1" }
  | { readonly as: "metadata" };

const object: Form = { as: "object", encoding: "json" };

/** One entry of an Accept header; parameters such as `as=Table`. */
export type MediaRange = { readonly type: string; readonly parameters: Readonly<Record<string, string>> };

/** The entries of an Accept header in order of preference: by `q`, then as they stand. */
export function parseAccept(accept: string): readonly MediaRange[] {
  const ranges = accept.split(",").flatMap((entry) => {
    const [type = "", ...rest] = entry.split(";").map((part) => part.trim());
    if (type === "") return [];
    const pairs = rest.map((part) => part.split("=", 2).map((text) => text.trim()) as [string, string | undefined]);
    const parameters = Object.fromEntries(pairs.map(([name, value = ""]) => [name.toLowerCase(), value]));
    return [{ type: type.toLowerCase(), parameters }];
  });
  return ranges.toSorted((a, b) => weight(b) - weight(a));
}

function weight({ parameters }: MediaRange): number {
  const q = Number(parameters["q"] ?? 1);
  return Number.isNaN(q) ? 1 : q;
}

/** The first form of an Accept header that this server can give. Throws NotAcceptable when there is none. */
export function negotiate(accept: string | undefined): Form {
  if (accept === undefined || accept.trim() === "") return object;
  for (const range of parseAccept(accept)) {
    const form = formOf(range);
    if (form !== undefined) return form;
  }
  throw kubeError("NotAcceptable", "only the following media types are accepted: application/json, application/yaml");
}

function formOf({ type, parameters }: MediaRange): Form | undefined {
  if (type === "application/yaml") return { as: "object", encoding: "yaml" };
  if (type !== "application/json" && type !== "application/*" && type !== "*/*") return undefined;
  const { as, g, v } = parameters;
  if (as === undefined) return object;
  if (g !== "meta.k8s.io" || (v !== "v1" && v !== "v1beta1")) return undefined;
  if (as === "Table") return { as: "table", version: v };
  if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") return { as: "metadata" };
  return undefined;
}
