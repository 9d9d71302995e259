// Requests that do something instead of writing an object: bind, evict, ask, issue a token.

import type { KubeObject } from "#kube/object.ts";
import type { ApiContext } from "#lab/apiserver/context.ts";
import type { WriteQuery } from "#lab/apiserver/query.ts";
import type { Target } from "#lab/apiserver/target.ts";

export type ActionRequest = {
  readonly context: ApiContext;
  readonly target: Target;
  readonly body: KubeObject;
  readonly query: WriteQuery;
};

/** Does it, and gives what the answer carries. Throws KubeError. */
export type Action = (request: ActionRequest) => object;

export const success = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
