// The API server as a library: requests in, answers out; HTTP is elsewhere.

import { forbidden, KubeError, kubeError } from "#kube/kube-error.ts";
import { type Attributes, type Authorizer, allowEverything } from "./authorizer.ts";
import { decodeBody, decodeObject } from "./body.ts";
import type { ApiContext } from "./context.ts";
import { answerDiscovery } from "./discovery/discovery.ts";
import { createObject } from "./operations/create.ts";
import { deleteCollection, deleteObject } from "./operations/delete.ts";
import { parseDeleteOptions } from "./operations/deletion.ts";
import { patchObject } from "./operations/patch.ts";
import { getObject, listObjects, readObject } from "./operations/read.ts";
import { updateObject } from "./operations/update.ts";
import { watchObjects } from "./operations/watch.ts";
import { answerObject } from "./present.ts";
import { parseListQuery, parseWriteQuery, type WriteQuery } from "./query.ts";
import { findSubresource, type Registry, type Verb } from "./registry.ts";
import { type ApiRequest, type ApiResponse, jsonResponse } from "./request.ts";
import { parseResourcePath, type ResourcePath } from "./request-info.ts";
import type { Store } from "./store/store.ts";
import { plainPrinter, type TablePrinter } from "./table-printer.ts";
import type { Target } from "./target.ts";

export type ApiServerOptions = {
  readonly store: Store;
  readonly registry: Registry;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Fills bytes with randomness. */
  readonly random: (bytes: Uint8Array) => Uint8Array;
  /** Without one everybody may do everything. */
  readonly authorize?: Authorizer;
  readonly printer?: TablePrinter;
  /** Told of errors that are the server's own fault. */
  readonly report?: (error: unknown, request: ApiRequest) => void;
};

/**
 * Serves the Kubernetes API from a store.
 *
 *     const server = new ApiServer({ store, registry: new Registry(builtinResources), now: Date.now, random: crypto.getRandomValues });
 *     const response = await server.handle(request);
 */
export class ApiServer {
  readonly #context: ApiContext;
  readonly #report: NonNullable<ApiServerOptions["report"]>;

  constructor(options: ApiServerOptions) {
    const { store, registry, now, random, authorize = allowEverything, printer = plainPrinter } = options;
    this.#context = { store, registry, now, random, authorize, printer };
    this.#report = options.report ?? (() => {});
  }

  /** Never throws: whatever goes wrong is a Status. */
  async handle(request: ApiRequest): Promise<ApiResponse> {
    try {
      return this.#answer(request);
    } catch (error) {
      if (!(error instanceof KubeError)) this.#report(error, request);
      return answerError(error);
    }
  }

  #answer(request: ApiRequest): ApiResponse {
    const path = parseResourcePath(request.path);
    if (path === undefined) {
      this.#checkAllowed({ user: request.user, verb: request.method.toLowerCase(), path: request.path });
      return answerDiscovery(this.#context, request) ?? answerError(unknownPath());
    }
    const target = this.#targetOf(request, path);
    const verb = verbOf(target);
    this.#checkAllowed({
      user: request.user,
      verb,
      group: path.group,
      version: path.version,
      resource: path.plural,
      subresource: path.subresource,
      namespace: target.namespace ?? "",
      name: target.name,
    });
    checkVerb(target, verb);
    return operate(this.#context, target, verb);
  }

  /** What the path names. Throws NotFound for what is not served. */
  #targetOf(request: ApiRequest, path: ResourcePath): Target {
    const found = this.#context.registry.find(path.group, path.version, path.plural);
    if (found === undefined) throw unknownPath();
    const { definition, version } = found;
    const { namespace, name = "", subresource } = path;
    if (namespace !== undefined && !definition.namespaced) throw unknownPath();
    if (name !== "" && namespace === undefined && definition.namespaced) throw unknownPath();
    if (subresource !== "" && findSubresource(definition, subresource) === undefined) throw unknownPath();
    return { request, definition, version, namespace, name, subresource };
  }

  #checkAllowed(attributes: Attributes): void {
    const { allowed, reason } = this.#context.authorize(attributes);
    if (allowed) return;
    const { username } = attributes.user;
    if ("path" in attributes) {
      throw forbidden({ group: "", plural: attributes.path }, "", `User "${username}" cannot ${attributes.verb} it`);
    }
    const { verb, group, resource, subresource, namespace, name } = attributes;
    const plural = subresource === "" ? resource : `${resource}/${subresource}`;
    const where = namespace === "" ? "at the cluster scope" : `in the namespace "${namespace}"`;
    const why = `User "${username}" cannot ${verb} resource "${plural}" in API group "${group}" ${where}`;
    throw forbidden({ group, plural: resource }, name, reason === "" ? why : `${why}: ${reason}`);
  }
}

/** What a request wants to do; watches and collections are verbs of their own. */
function verbOf({ request, name }: Target): Verb {
  switch (request.method) {
    case "GET":
    case "HEAD":
      if (parseListQuery(request.query).watch) return "watch";
      return name === "" ? "list" : "get";
    case "POST":
      return "create";
    case "PUT":
      return "update";
    case "PATCH":
      return "patch";
    case "DELETE":
      return name === "" ? "deletecollection" : "delete";
    default:
      throw notAllowed();
  }
}

function checkVerb({ definition, subresource, name }: Target, verb: Verb): void {
  const { verbs } = subresource === "" ? definition : (findSubresource(definition, subresource) ?? definition);
  const onCollection: readonly Verb[] = ["create", "list", "watch", "deletecollection"];
  const fits = subresource !== "" || verb === "watch" || onCollection.includes(verb) === (name === "");
  if (!verbs.includes(verb) || !fits) throw notAllowed();
}

function operate(context: ApiContext, target: Target, verb: Verb): ApiResponse {
  const { query, headers } = target.request;
  const write = (): WriteQuery => parseWriteQuery(query, headers["user-agent"] ?? "");
  switch (verb) {
    case "get":
      return getObject(context, target);
    case "list":
      return listObjects(context, target, parseListQuery(query));
    case "watch":
      return watchObjects(context, target, parseListQuery(query));
    case "create":
      return answerObject(context, target, createObject(context, target, decodeObject(target.request), write()), 201);
    case "update": {
      const wanted = decodeObject(target.request);
      return answerObject(context, target, updateObject(context, target, readObject(context, target), wanted, write()));
    }
    case "patch":
      return answerObject(context, target, patchObject(context, target, write()));
    case "delete":
      return deleteObject(context, target, parseDeleteOptions(decodeBody(target.request), query));
    case "deletecollection": {
      const options = parseDeleteOptions(decodeBody(target.request), query);
      return deleteCollection(context, target, parseListQuery(query), options);
    }
  }
}

function unknownPath(): KubeError {
  return kubeError("NotFound", "the server could not find the requested resource", {});
}

function notAllowed(): KubeError {
  return kubeError("MethodNotAllowed", "the server does not allow this method on the requested resource", {});
}

/** An error as an answer. */
export function answerError(error: unknown): ApiResponse {
  if (error instanceof KubeError) return jsonResponse(error.status, error.httpCode);
  const message = `Internal error occurred: ${error instanceof Error ? error.message : String(error)}`;
  return answerError(kubeError("InternalError", message));
}
