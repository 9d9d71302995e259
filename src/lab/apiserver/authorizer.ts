// Who may do what: the question that every request asks, and the answer that allows everything.

import type { UserInfo } from "./request.ts";

/** What a request wants to do (authorization.k8s.io/v1 ResourceAttributes, NonResourceAttributes). */
export type Attributes =
  | {
      readonly user: UserInfo;
      readonly verb: string;
      readonly group: string;
      readonly version: string;
      readonly resource: string;
      readonly subresource: string;
      readonly namespace: string;
      readonly name: string;
    }
  | { readonly user: UserInfo; readonly verb: string; readonly path: string };

export type Decision = { readonly allowed: boolean; readonly reason: string };

export type Authorizer = (attributes: Attributes) => Decision;

export function allowEverything(): Decision {
  return { allowed: true, reason: "" };
}
