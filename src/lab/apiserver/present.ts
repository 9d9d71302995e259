// Stored objects in the form a caller asked for: as they are, as a table, or their metadata only.

import { formatYaml } from "#base/yaml.ts";
import { badRequest } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import type { ApiContext } from "./context.ts";
import { type Form, negotiate } from "./negotiate.ts";
import type { ResourceVersion } from "./registry.ts";
import { storedVersion } from "./registry.ts";
import { type ApiResponse, jsonHeaders, jsonResponse } from "./request.ts";
import type { Stored } from "./store/stored.ts";
import { apiVersionOfTarget, fromStored, type Target } from "./target.ts";

export function formOf(target: Target): Form {
  return negotiate(target.request.headers["accept"]);
}

/** The answer that carries one object. */
export function answerObject(context: ApiContext, target: Target, object: KubeObject, status = 200): ApiResponse {
  const form = formOf(target);
  switch (form.as) {
    case "object":
      return encoded(form.encoding, fromStored(target, object), status);
    case "metadata":
      return jsonResponse(metadataOnly(object), status);
    case "table": {
      const { resourceVersion } = object.metadata;
      const metadata = resourceVersion === undefined ? {} : { resourceVersion };
      return jsonResponse(tableOf(context, target, form.version, [object], metadata, true), status);
    }
  }
}

/** The answer that carries a list. */
export function answerList(
  context: ApiContext,
  target: Target,
  items: readonly Stored[],
  metadata: Readonly<Record<string, unknown>>,
): ApiResponse {
  const form = formOf(target);
  const head = { kind: target.definition.listKind, apiVersion: apiVersionOfTarget(target), metadata };
  switch (form.as) {
    case "object": {
      if (form.encoding === "yaml") {
        return encoded("yaml", { ...head, items: items.map(({ object }) => fromStored(target, object)) }, 200);
      }
      // Stored text goes out as it is: a list without selectors costs no parsing.
      const texts = items.map((stored) => textOf(target, stored)).join(",");
      return jsonResponse(`${JSON.stringify(head).slice(0, -1)},"items":[${texts}]}`);
    }
    case "metadata": {
      const kind = "PartialObjectMetadataList";
      const partial = items.map(({ object }) => metadataOnly(object));
      return jsonResponse({ kind, apiVersion: "meta.k8s.io/v1", metadata, items: partial });
    }
    case "table": {
      const objects = items.map(({ object }) => object);
      return jsonResponse(tableOf(context, target, form.version, objects, metadata, true));
    }
  }
}

/** JSON of an object in a watch's form; only the first table of a watch names the columns. */
export function watchText(context: ApiContext, target: Target, form: Form, stored: Stored, first: boolean): string {
  switch (form.as) {
    case "object":
      return textOf(target, stored);
    case "metadata":
      return JSON.stringify(metadataOnly(stored.object));
    case "table": {
      const metadata = { resourceVersion: String(stored.revision) };
      return JSON.stringify(tableOf(context, target, form.version, [stored.object], metadata, first));
    }
  }
}

// Every watcher of a version sends the same text: it is made once.
const converted = new WeakMap<ResourceVersion, WeakMap<Stored, string>>();

/** JSON of a stored object in the requested version. */
export function textOf(target: Target, stored: Stored): string {
  const { definition, version } = target;
  // The storage version of a custom resource changes with its definition: objects may have been written before.
  const same = definition.custom
    ? stored.object.apiVersion === apiVersionOfTarget(target)
    : version.convert === undefined && version === storedVersion(definition);
  if (same) return stored.json;
  const texts = converted.get(version) ?? new WeakMap<Stored, string>();
  converted.set(version, texts);
  const known = texts.get(stored);
  if (known !== undefined) return known;
  const text = JSON.stringify(fromStored(target, stored.object));
  texts.set(stored, text);
  return text;
}

function encoded(encoding: "json" | "yaml", object: object, status: number): ApiResponse {
  if (encoding === "json") return { status, headers: jsonHeaders, body: object };
  return { status, headers: { "content-type": "application/yaml" }, body: formatYaml(object) };
}

function metadataOnly({ metadata }: KubeObject): object {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata };
}

/** meta/v1 Table: what kubectl prints, with as much of each object as `includeObject` asks for. */
function tableOf(
  { printer, now }: ApiContext,
  target: Target,
  version: "v1" | "v1beta1",
  objects: readonly KubeObject[],
  metadata: Readonly<Record<string, unknown>>,
  withColumns: boolean,
): object {
  const include = includeObject(target.request.query);
  const at = now();
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    columnDefinitions: withColumns ? printer.columns(target.definition, target.version) : [],
    rows: objects.map((stored) => {
      const object = fromStored(target, stored);
      return {
        cells: printer.cells(target.definition, target.version, object, at),
        ...(include === "None" ? {} : { object: include === "Object" ? object : metadataOnly(object) }),
      };
    }),
  };
}

function includeObject(query: URLSearchParams): "None" | "Metadata" | "Object" {
  const include = query.get("includeObject") || "Metadata";
  if (include === "None" || include === "Metadata" || include === "Object") return include;
  throw badRequest(`unrecognized includeObject value: "${include}"`);
}
