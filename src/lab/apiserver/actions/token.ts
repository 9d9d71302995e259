// Tokens for service accounts on request.

import { badRequest, conflict, invalid } from "#kube/kube-error.ts";
import { timestamp } from "#kube/time.ts";
import type { Bound } from "#lab/apiserver/authn/service-account-token.ts";
import { ownAudience } from "#lab/apiserver/authn/service-account-token.ts";
import { keyOf } from "#lab/apiserver/keys.ts";
import { readObject } from "#lab/apiserver/operations/read.ts";
import { invalidValue } from "#lab/apiserver/schema/cause.ts";
import { isFields } from "#lab/apiserver/schema/json.ts";
import type { ActionRequest } from "./action.ts";

const defaultSeconds = 3_600;
/** authentication.k8s.io/v1 TokenRequestSpec: at least ten minutes. */
const minSeconds = 600;
const maxSeconds = 2 ** 32;

/** POST of `serviceaccounts/NAME/token` (authentication.k8s.io/v1 TokenRequest). */
export function requestToken({ context, target, body }: ActionRequest): object {
  const account = readObject(context, target).object;
  const spec = isFields(body["spec"]) ? body["spec"] : {};
  const seconds = spec["expirationSeconds"] ?? defaultSeconds;
  if (typeof seconds !== "number" || seconds < minSeconds || seconds > maxSeconds) {
    const why = "may not specify a duration less than 10 minutes";
    const cause = invalidValue("spec.expirationSeconds", seconds, why);
    throw invalid("TokenRequest", "authentication.k8s.io", target.name, [cause]);
  }
  const wanted = Array.isArray(spec["audiences"]) ? spec["audiences"].map(String) : [];
  const audiences = wanted.length === 0 ? [ownAudience] : wanted;
  const { namespace = "", name = "", uid = "" } = account.metadata;
  const expiresMs = context.now() + seconds * 1_000;
  const pod = podOf(spec["boundObjectRef"], namespace, { context, target });
  const token = context.tokens.issue({ namespace, serviceAccount: { name, uid }, pod, audiences, expiresMs });
  return {
    ...body,
    metadata: { name, namespace, creationTimestamp: timestamp(context.now()) },
    spec: { ...spec, audiences, expirationSeconds: seconds },
    status: { token, expirationTimestamp: timestamp(expiresMs) },
  };
}

/** The pod that a token shall end with. Throws Conflict when it is another pod by now. */
function podOf(
  reference: unknown,
  namespace: string,
  { context, target }: Pick<ActionRequest, "context" | "target">,
): Bound | undefined {
  if (!isFields(reference)) return undefined;
  const { kind, name, uid } = reference;
  if (kind !== "Pod" || typeof name !== "string") {
    throw badRequest(`cannot bind a token to ${kind} ${name}: this server binds tokens to pods only`);
  }
  const pods = { group: "", plural: "pods" };
  const pod = readObject(context, { ...target, definition: { ...target.definition, ...pods }, name }).object;
  if (uid === undefined || uid === "" || uid === pod.metadata.uid) return { name, uid: pod.metadata.uid ?? "" };
  const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
  throw conflict(pods, keyOf(pods, namespace, name), why);
}
