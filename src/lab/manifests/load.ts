// Loading manifests into a cluster: server-side apply of each, by what the server says it serves.

import { nearest } from "#base/nearest.ts";
import type { KubeClient } from "#kube/client.ts";
import { discover, resourceOfKind, type ServedResource } from "#kube/discovery.ts";
import { hasReason, KubeError } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { LabError } from "#lab/spec.ts";
import { inOrder } from "./order.ts";
import type { Manifest } from "./read.ts";

export type Outcome = "created" | "configured" | "unchanged";
export type Loaded = { readonly object: KubeObject; readonly resource: ServedResource; readonly outcome: Outcome };

export type LoadOptions = {
  readonly client: KubeClient;
  /** Of objects that name none. */
  readonly namespace: string;
  readonly sleep: (ms: number) => Promise<void>;
  /** Told of each object when it is in. */
  readonly loaded: (loaded: Loaded) => void;
};

/** A kind that was defined a moment ago is looked for this often, this many times. */
const newKindMs = 50;
const newKindTries = 100;

/**
 * Applies all objects in an order in which none waits for a later one. Stops at the first that the server refuses.
 * @throws LabError naming the object and the file
 */
export async function loadManifests(manifests: readonly Manifest[], options: LoadOptions): Promise<readonly Loaded[]> {
  const { client, sleep, loaded } = options;
  const sorted = inOrder(manifests);
  const defines = sorted.some(({ object }) => object.kind === "CustomResourceDefinition");
  let served = await discover(client);
  const all: Loaded[] = [];
  for (const manifest of sorted) {
    for (
      let tries = 0;
      defines && tries < newKindTries && resourceOfKind(served, manifest.object) === undefined;
      tries++
    ) {
      if (tries > 0) await sleep(newKindMs);
      served = await discover(client);
    }
    const done = await loadOne(manifest, served, options);
    loaded(done);
    all.push(done);
  }
  return all;
}

async function loadOne(manifest: Manifest, served: readonly ServedResource[], options: LoadOptions): Promise<Loaded> {
  const { client } = options;
  const { object, from } = manifest;
  const resource = resourceOfKind(served, object);
  if (resource === undefined) throw unknownKind(manifest, served);
  const { name } = object.metadata;
  if (name === undefined) throw new LabError(`Cannot load ${object.kind} of ${from}: it has no metadata.name`);
  const namespace = resource.namespaced ? (object.metadata.namespace ?? options.namespace) : undefined;
  const metadata = { ...object.metadata, ...(namespace === undefined ? {} : { namespace }) };
  const place = { namespace, name };
  try {
    const before = await client.get(resource, place).catch((error: unknown) => {
      if (hasReason(error, "NotFound")) return undefined;
      throw error;
    });
    const after = await client.apply(resource, { ...object, metadata });
    const same = before?.metadata.resourceVersion === after.metadata.resourceVersion;
    return { object: after, resource, outcome: before === undefined ? "created" : same ? "unchanged" : "configured" };
  } catch (cause) {
    if (!(cause instanceof KubeError)) throw cause;
    const missing = await missingNamespace(client, namespace);
    const problem = missing ?? cause.message;
    throw new LabError(`Cannot load ${object.kind} ${name} of ${from}: ${problem}`, { cause });
  }
}

async function missingNamespace(client: KubeClient, namespace: string | undefined): Promise<string | undefined> {
  if (namespace === undefined) return undefined;
  try {
    await client.get(
      { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false },
      { name: namespace },
    );
    return undefined;
  } catch (error) {
    if (!hasReason(error, "NotFound")) throw error;
    return `there is no namespace ${namespace}; load a manifest for it, too`;
  }
}

function unknownKind({ object: { apiVersion, kind }, from }: Manifest, served: readonly ServedResource[]): LabError {
  const same = served.find((resource) => resource.kind === kind);
  const near =
    same ??
    served.find(
      (resource) =>
        resource.kind ===
        nearest(
          kind,
          served.map((each) => each.kind),
        ),
    );
  const version = (resource: ServedResource) =>
    resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
  const hint =
    near === undefined
      ? "its CustomResourceDefinition may be missing"
      : `did you mean ${near.kind} of ${version(near)}, or is its CustomResourceDefinition missing?`;
  return new LabError(`Cannot load ${from}: the lab has no kind ${kind} of ${apiVersion}; ${hint}`);
}

/** `deployment.apps/frontend created`, as kubectl words it. */
export function formatLoaded({ object, resource, outcome }: Loaded): string {
  const group = resource.group === "" ? "" : `.${resource.group}`;
  return `${resource.kind.toLowerCase()}${group}/${object.metadata.name} ${outcome}`;
}
