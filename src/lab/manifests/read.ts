// Manifests as people keep them: files with one object or several, folders of such files.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { messageOf } from "#base/error-message.ts";
import { formatRepeated, parseYamlDocuments, type YamlDocuments } from "#base/yaml.ts";
import type { KubeObject } from "#kube/object.ts";
import { isFields } from "#lab/apiserver/schema/json.ts";
import { LabError } from "#lab/spec.ts";

/** An object, and the file that it is from. */
export type Manifest = { readonly object: KubeObject; readonly from: string };

const extensions: ReadonlySet<string> = new Set([".yaml", ".yml", ".json"]);

/** What is to become of a document that says neither its version nor its kind, in a file of a folder. */
type Strangers = "refuse" | "pass over";

/** Reads files and folders, folders in the order of their files' names. @throws LabError naming the file */
export function readManifests(paths: readonly string[], strangers: Strangers = "refuse"): readonly Manifest[] {
  return paths.flatMap((path) =>
    filesOf(path).flatMap((file) => parseManifests(readText(file), file, file === path ? "refuse" : strangers)),
  );
}

function filesOf(path: string): readonly string[] {
  if (!statOf(path).isDirectory()) return [path];
  const files = readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => extensions.has(extname(name)))
    .sort()
    .map((name) => join(path, name));
  if (files.length > 0) return files;
  throw new LabError(`Cannot load ${path}: it has no file that ends in ${[...extensions].join(", ")}`);
}

function statOf(path: string) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new LabError(`Cannot load ${path}: there is no such file or folder`);
  return found;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new LabError(`Cannot load ${path}: ${messageOf(cause)}`, { cause });
  }
}

/** All objects of a text, YAML or JSON; lists are taken apart. `from` is for messages. @throws LabError */
export function parseManifests(text: string, from: string, strangers: Strangers = "refuse"): readonly Manifest[] {
  return documents(text, from).flatMap((document, i) => {
    if (strangers === "pass over" && !isNamed(document)) return [];
    const object = checkObject(document, i === 0 ? from : `${from}, document ${i + 1}`);
    const items: unknown = object["items"];
    const isList = object.kind.endsWith("List") && Array.isArray(items);
    const objects = isList ? items.map((item: unknown) => checkObject(item, `${from}, list ${object.kind}`)) : [object];
    return objects.map((each) => ({ object: each, from }));
  });
}

function documents(text: string, from: string): readonly unknown[] {
  const { documents, repeated } = parseDocuments(text, from);
  if (repeated !== undefined) throw new LabError(`Cannot load ${from}: ${formatRepeated(repeated)}`);
  // An empty one, as between two separators.
  return documents.filter((each) => each !== null);
}

function parseDocuments(text: string, from: string): YamlDocuments {
  try {
    return parseYamlDocuments(text);
  } catch (cause) {
    throw new LabError(`Cannot load ${from}: ${messageOf(cause)}`, { cause });
  }
}

function isNamed(document: unknown): boolean {
  return isFields(document) && (document["apiVersion"] !== undefined || document["kind"] !== undefined);
}

function checkObject(value: unknown, from: string): KubeObject {
  if (!isFields(value)) throw new LabError(`Cannot load ${from}: it has ${typeof value}, not an object of Kubernetes`);
  const { apiVersion, kind, metadata } = value;
  for (const [field, found] of Object.entries({ apiVersion, kind })) {
    if (typeof found !== "string" || found === "") {
      throw new LabError(`Cannot load ${from}: its ${field} is missing, as in "apiVersion: v1" and "kind: Pod"`);
    }
  }
  return { ...value, apiVersion: String(apiVersion), kind: String(kind), metadata: isFields(metadata) ? metadata : {} };
}
