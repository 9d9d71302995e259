// What every part of the server works with: the store, the resources, time, randomness, and who may do what.

import type { KubeObject } from "#kube/object.ts";
import { timestamp } from "#kube/time.ts";
import type { TokenChecker } from "./authn/authenticator.ts";
import type { TokenIssuer } from "./authn/service-account-token.ts";
import type { Authorizer } from "./authorizer.ts";
import type { Indexes } from "./indexes.ts";
import { prefixOf } from "./keys.ts";
import type { AdmitContext, Registry } from "./registry.ts";
import type { UserInfo } from "./request.ts";
import type { Store } from "./store/store.ts";
import type { TablePrinter } from "./table-printer.ts";

export type ApiContext = {
  readonly store: Store;
  readonly registry: Registry;
  readonly indexes: Indexes;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Fills bytes with randomness. */
  readonly random: (bytes: Uint8Array) => Uint8Array;
  readonly authorizer: Authorizer;
  /** Issues tokens of service accounts. */
  readonly tokens: TokenIssuer;
  /** Whose a token is, for TokenReview. */
  readonly checkToken: TokenChecker;
  readonly printer: TablePrinter;
};

/** What the rules of a kind may look at. */
export function ruleContext(context: ApiContext, user: UserInfo, subresource: string): AdmitContext {
  return {
    now: timestamp(context.now()),
    user,
    subresource,
    random: context.random,
    authorizer: context.authorizer,
    objects: (group, plural, namespace) => objectsOf(context, group, plural, namespace),
    index: (kind) => context.indexes.get(kind),
  };
}

/** Objects of a resource, in a namespace ("" for all of them); none of a resource that is not served. */
export function objectsOf(
  context: ApiContext,
  group: string,
  plural: string,
  namespace: string,
): readonly KubeObject[] {
  const definition = context.registry.get(group, plural);
  if (definition === undefined) return [];
  return context.store.list(prefixOf(definition, namespace)).items.map(({ object }) => object);
}

/** A random (version 4) UUID, RFC 9562 section 5.4. */
export function newUid(random: ApiContext["random"]): string {
  const bytes = random(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
