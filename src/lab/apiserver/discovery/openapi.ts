// Where OpenAPI documents are served; each is made once until the resources change.

import { openApiV2ContentType, openApiV2Document } from "#lab/apiserver/openapi/openapi-v2.ts";
import { openApiV3Document, openApiV3Index } from "#lab/apiserver/openapi/openapi-v3.ts";
import type { Registry } from "#lab/apiserver/registry.ts";
import { type ApiResponse, jsonResponse } from "#lab/apiserver/request.ts";

type Documents = { readonly revision: number; readonly answers: Map<string, ApiResponse> };

const made = new WeakMap<Registry, Documents>();

/** The answer for a path below `/openapi`; undefined when there is no such document. */
export function answerOpenApi(registry: Registry, path: string): ApiResponse | undefined {
  const { answers } = documentsOf(registry);
  const known = answers.get(path);
  if (known !== undefined) return known;
  const answer = path === "/openapi/v2" ? answerV2(registry) : answerV3(registry, path);
  if (answer !== undefined) answers.set(path, answer);
  return answer;
}

function documentsOf(registry: Registry): Documents {
  const known = made.get(registry);
  if (known?.revision === registry.revision) return known;
  const documents = { revision: registry.revision, answers: new Map<string, ApiResponse>() };
  made.set(registry, documents);
  return documents;
}

function answerV2(registry: Registry): ApiResponse {
  return { status: 200, headers: { "content-type": openApiV2ContentType }, body: openApiV2Document(registry.all()) };
}

function answerV3(registry: Registry, path: string): ApiResponse | undefined {
  const document = documentAt(registry, path);
  return document === undefined ? undefined : jsonResponse(JSON.stringify(document));
}

function documentAt(registry: Registry, path: string): object | undefined {
  if (path === "/openapi/v3") return openApiV3Index(registry.all());
  const [, group = "", version] = /^\/openapi\/v3\/(?:api|apis\/([^/]+))\/([^/]+)$/.exec(path) ?? [];
  return version === undefined ? undefined : openApiV3Document(registry.all(), group, version);
}
