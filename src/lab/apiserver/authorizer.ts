// Who may do what: the question that every request asks, and the answer that allows everything.

import type { UserInfo } from "./request.ts";

/** What a request wants to do with a resource (authorization.k8s.io/v1 ResourceAttributes). */
export type ResourceAttributes = {
  readonly user: UserInfo;
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** "" for the cluster, or for all namespaces. */
  readonly namespace: string;
  /** "" for the collection. */
  readonly name: string;
};

/** What a request wants of a path that is no resource, such as `/version`. */
export type PathAttributes = { readonly user: UserInfo; readonly verb: string; readonly path: string };

export type Attributes = ResourceAttributes | PathAttributes;

export type Decision = { readonly allowed: boolean; readonly reason: string };

/** authorization.k8s.io/v1 ResourceRule and NonResourceRule. */
export type ResourceRule = {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
};
export type PathRule = { readonly verbs: readonly string[]; readonly nonResourceURLs: readonly string[] };

export type Authorizer = {
  readonly decide: (attributes: Attributes) => Decision;
  /** All that a user may do in a namespace. */
  readonly rulesOf: (
    user: UserInfo,
    namespace: string,
  ) => { readonly resourceRules: readonly ResourceRule[]; readonly nonResourceRules: readonly PathRule[] };
};

export const allowEverything: Authorizer = {
  decide: () => ({ allowed: true, reason: "" }),
  rulesOf: () => ({
    resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }],
    nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
  }),
};
