// The body of a request, read once: JSON, YAML or protobuf to a plain object.

import { messageOf } from "#base/error-message.ts";
import { parseYamlDocuments, type YamlDocuments } from "#base/yaml.ts";
import { badRequest, kubeError } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { checkExtent, maxBodyBytes, tooLarge } from "./extent.ts";
import { decodeProtobufBody, protobufMediaType } from "./protobuf/decode.ts";
import type { WriteQuery } from "./query.ts";
import { repeatedFields } from "./repeated-fields.ts";
import type { ApiRequest } from "./request.ts";
import { type Fields, isFields } from "./schema/json.ts";

const decoders: Readonly<Record<string, (body: Uint8Array) => unknown>> = {
  "application/json": decodeJson,
  "application/yaml": decodeYaml,
  [protobufMediaType]: decodeProtobufBody,
};

/** The media type of a body, without parameters; JSON unless told. */
export function mediaTypeOf({ headers }: ApiRequest): string {
  const type = (headers["content-type"] ?? "").split(";", 1).join().trim().toLowerCase();
  return type === "" ? "application/json" : type;
}

/** The body as a value; undefined when there is none. Throws BadRequest, UnsupportedMediaType or RequestEntityTooLarge. */
export function decodeBody(request: ApiRequest): unknown {
  const body = bytesOf(request);
  if (body === undefined) return undefined;
  const type = mediaTypeOf(request);
  const decode = decoders[type];
  if (decode !== undefined) return decode(body);
  const known = Object.keys(decoders).join(", ");
  throw kubeError(
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${known}`,
  );
}

/** The body's bytes; undefined when there are none. Throws RequestEntityTooLarge. */
export function bytesOf({ body }: ApiRequest): Uint8Array | undefined {
  if (body === undefined || body.byteLength === 0) return undefined;
  if (body.byteLength > maxBodyBytes) throw tooLarge();
  return body;
}

/**
 * The body as an object with a kind and metadata; a kind that it does not tell is `implied` by the path, unless that has none to imply.
 * Throws BadRequest when it is something else.
 */
export function decodeObject(request: ApiRequest, implied: Partial<ObjectKind> = {}): KubeObject {
  const body = decodeBody(request);
  return checkObject(isFields(body) ? { ...body, ...missingOf(body, implied) } : body);
}

export type ObjectKind = Pick<KubeObject, "apiVersion" | "kind">;

function missingOf({ apiVersion, kind }: Fields, implied: Partial<ObjectKind>): Partial<ObjectKind> {
  const isMissing = (value: unknown) => value === undefined || value === null || value === "";
  return {
    ...(isMissing(apiVersion) && implied.apiVersion !== undefined ? { apiVersion: implied.apiVersion } : {}),
    ...(isMissing(kind) && implied.kind !== undefined ? { kind: implied.kind } : {}),
  };
}

/** Checks what every object has, and its extent. Throws BadRequest or RequestEntityTooLarge. */
export function checkObject(value: unknown): KubeObject {
  if (!isFields(value)) throw badRequest("the body of the request must be an object of the API, and is not");
  const { apiVersion, kind, metadata = {} } = value;
  if (typeof kind !== "string" || kind === "") throw badRequest("Object 'Kind' is missing in the body of the request");
  if (typeof apiVersion !== "string" || apiVersion === "") {
    throw badRequest("Object 'apiVersion' is missing in the body of the request");
  }
  checkExtent(value);
  return { ...value, apiVersion, kind, metadata: checkMetadata(metadata) };
}

const textFields = ["name", "generateName", "namespace", "uid", "resourceVersion"];

/** Types of the fields that the server itself works with; schemas check the rest. `null` stands for an absent field. */
function checkMetadata(value: unknown): KubeObject["metadata"] {
  if (value === null) return {};
  if (!isFields(value)) throw badRequest("metadata: Invalid value: must be an object");
  const { creationTimestamp, ...rest } = value;
  const there = Object.entries(rest).filter(([, field]) => field !== null);
  for (const [name, field] of there) {
    if (textFields.includes(name) && typeof field !== "string") throw wrong(name, "a string");
    if (name === "labels" || name === "annotations") checkTexts(name, field);
    if (name === "finalizers" && !(Array.isArray(field) && field.every((item) => typeof item === "string"))) {
      throw wrong(name, "a list of strings");
    }
    if (name === "ownerReferences" && !(Array.isArray(field) && field.every(isFields))) {
      throw wrong(name, "a list of objects");
    }
  }
  const metadata = Object.fromEntries(there);
  return typeof creationTimestamp === "string" ? { ...metadata, creationTimestamp } : metadata;
}

function checkTexts(name: string, field: unknown): void {
  if (!isFields(field)) throw wrong(name, "an object of strings");
  for (const [key, value] of Object.entries(field)) {
    if (typeof value !== "string") throw wrong(`${name}.${key}`, "a string (numbers and booleans need quotes)");
  }
}

function wrong(field: string, what: string): Error {
  return badRequest(`metadata.${field}: Invalid value: must be ${what}`);
}

function decodeJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(decodeText(body));
  } catch (error) {
    throw badRequest(`the body of the request is no JSON: ${messageOf(error)}`);
  }
}

/** Also of JSON text: kubectl sends that under YAML's name. */
export function decodeYaml(body: Uint8Array): unknown {
  try {
    const text = decodeText(body);
    return isJson(text) ? JSON.parse(text) : oneOf(parseYamlDocuments(text));
  } catch (error) {
    throw badRequest(`the body of the request cannot be read: ${messageOf(error)}`);
  }
}

function isJson(text: string): boolean {
  return text.trimStart().startsWith("{");
}

function oneOf({ documents }: YamlDocuments): unknown {
  if (documents.length > 1) throw new Error(`it has ${documents.length} documents`);
  return documents[0];
}

/** The parameters of a request that writes, with what its body says twice; the body has been decoded before. */
export function withRepetitions(request: ApiRequest, query: WriteQuery): WriteQuery {
  return query.fieldValidation === "Ignore" ? query : { ...query, repetitions: repetitionsIn(request) };
}

/** A sentence each, in Kubernetes' words. */
function repetitionsIn(request: ApiRequest): readonly string[] {
  const body = bytesOf(request);
  const type = mediaTypeOf(request);
  if (body === undefined || !isText(type)) return [];
  const text = decodeText(body);
  if (isJson(text) || !type.endsWith("yaml")) return repeatedFields(text).map((path) => `duplicate field "${path}"`);
  const { repeated } = parseYamlDocuments(text);
  return repeated === undefined ? [] : [`line ${repeated.line}: key "${repeated.key}" already set in map`];
}

function isText(type: string): boolean {
  return type.endsWith("json") || type.endsWith("yaml");
}

export function decodeText(body: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(body);
}
