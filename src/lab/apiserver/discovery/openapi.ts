// Where OpenAPI documents are served; each is made once until the resources change.

import { openApiV3Document, openApiV3Index } from "#lab/apiserver/openapi/openapi-v3.ts";
import type { Registry } from "#lab/apiserver/registry.ts";
import { type ApiResponse, jsonResponse } from "#lab/apiserver/request.ts";

type Documents = { readonly revision: number; readonly texts: Map<string, string> };

const made = new WeakMap<Registry, Documents>();

/** The answer for a path below `/openapi`; undefined when there is no such document. */
export function answerOpenApi(registry: Registry, path: string): ApiResponse | undefined {
  if (path === "/openapi/v2") return emptyOpenApiV2();
  const { texts } = documentsOf(registry);
  const known = texts.get(path);
  if (known !== undefined) return jsonResponse(known);
  const document = documentAt(registry, path);
  if (document === undefined) return undefined;
  const text = JSON.stringify(document);
  texts.set(path, text);
  return jsonResponse(text);
}

function documentsOf(registry: Registry): Documents {
  const known = made.get(registry);
  if (known?.revision === registry.revision) return known;
  const documents = { revision: registry.revision, texts: new Map<string, string>() };
  made.set(registry, documents);
  return documents;
}

function documentAt(registry: Registry, path: string): object | undefined {
  if (path === "/openapi/v3") return openApiV3Index(registry.all());
  const [, group = "", version] = /^\/openapi\/v3\/(?:api|apis\/([^/]+))\/([^/]+)$/.exec(path) ?? [];
  return version === undefined ? undefined : openApiV3Document(registry.all(), group, version);
}

/**
 * Older kubectls ask for the second version of OpenAPI in protobuf, and take no bytes as a document without types: they then check
 * nothing themselves. The content type has dots where the request has an @.
 */
function emptyOpenApiV2(): ApiResponse {
  const type = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
  return { status: 200, headers: { "content-type": type }, body: new Uint8Array() };
}
