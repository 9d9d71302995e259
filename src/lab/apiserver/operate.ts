// From a verb to what does it: objects, their faces, and actions.

import { kubeError } from "#kube/kube-error.ts";
import { actionOf } from "./actions/actions.ts";
import { decodeBody, decodeObject, withRepetitions } from "./body.ts";
import type { ApiContext } from "./context.ts";
import { createObject } from "./operations/create.ts";
import { deleteCollection, deleteObject } from "./operations/delete.ts";
import { parseDeleteOptions } from "./operations/deletion.ts";
import { checkKind, type Facet, facetOf, impliedKind } from "./operations/facet.ts";
import type { Written } from "./operations/intake.ts";
import { patchObject } from "./operations/patch.ts";
import { listObjects, readObject } from "./operations/read.ts";
import { updateObject } from "./operations/update.ts";
import { watchObjects } from "./operations/watch.ts";
import { answerObject } from "./present.ts";
import { parseListQuery, parseWriteQuery, type WriteQuery } from "./query.ts";
import { findSubresource, type Verb } from "./registry.ts";
import { type ApiResponse, jsonResponse } from "./request.ts";
import type { Target } from "./target.ts";

/** Does what a request wants. Throws KubeError. */
export function operate(context: ApiContext, target: Target, verb: Verb): ApiResponse {
  checkVerb(target, verb);
  const { request } = target;
  const { query } = request;
  switch (verb) {
    case "list":
      return listObjects(context, target, parseListQuery(query));
    case "watch":
      return watchObjects(context, target, parseListQuery(query));
    case "create":
      return create(context, target);
    case "delete":
      return deleteObject(context, target, parseDeleteOptions(decodeBody(request), query));
    case "deletecollection":
      return deleteCollection(context, target, parseListQuery(query), parseDeleteOptions(decodeBody(request), query));
    case "get": {
      const facet = faceOf(target);
      return answerFace(context, target, facet, {
        object: readObject(context, target).object,
        warnings: [],
        created: false,
      });
    }
    case "update": {
      const facet = faceOf(target);
      const wanted = decodeObject(request, impliedKind(target));
      const write = withRepetitions(request, writeQuery(target));
      const live = readObject(context, target);
      return answerFace(context, target, facet, updateObject(context, target, facet, live, wanted, write));
    }
    case "patch": {
      const facet = faceOf(target);
      return answerFace(context, target, facet, patchObject(context, target, facet, writeQuery(target)));
    }
  }
}

function create(context: ApiContext, target: Target): ApiResponse {
  const action = actionOf(target);
  const body = decodeObject(target.request, impliedKind(target));
  const query = withRepetitions(target.request, writeQuery(target));
  if (action !== undefined) {
    checkKind(target, body);
    return jsonResponse(action({ context, target, body, query }), 201);
  }
  if (target.subresource !== "") throw notAllowed();
  return answerFace(context, target, faceOf(target), createObject(context, target, body, query));
}

function writeQuery({ request: { query, headers } }: Target): WriteQuery {
  return parseWriteQuery(query, headers["user-agent"] ?? "");
}

function faceOf(target: Target): Facet {
  const facet = facetOf(target);
  if (facet === undefined) throw notAllowed();
  return facet;
}

/** A face that is a kind of its own, such as a scale, has neither tables nor versions. */
function answerFace(
  context: ApiContext,
  target: Target,
  facet: Facet,
  { object, warnings, created }: Written,
): ApiResponse {
  const ofOtherKind = findSubresource(target.definition, target.subresource)?.group !== undefined;
  const status = created ? 201 : 200;
  const answer = ofOtherKind
    ? jsonResponse(facet.show(target, object), status)
    : answerObject(context, target, object, status);
  return warnings.length === 0
    ? answer
    : { ...answer, headers: { ...answer.headers, warning: warningHeader(warnings) } };
}

/** `299 - "text"` for each (RFC 7234, 5.5.7: miscellaneous persistent warning). */
function warningHeader(warnings: readonly string[]): string {
  return warnings.map((text) => `299 - ${JSON.stringify(text)}`).join(", ");
}

const onCollection: readonly Verb[] = ["create", "list", "watch", "deletecollection"];

function checkVerb({ definition, subresource, name }: Target, verb: Verb): void {
  const { verbs } = findSubresource(definition, subresource) ?? definition;
  const fits = subresource !== "" || verb === "watch" || onCollection.includes(verb) === (name === "");
  if (!verbs.includes(verb) || !fits) throw notAllowed();
}

/** What a request wants to do; watches and collections are verbs of their own. */
export function verbOf({ request, name }: Target): Verb {
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

function notAllowed(): Error {
  return kubeError("MethodNotAllowed", "the server does not allow this method on the requested resource", {});
}
