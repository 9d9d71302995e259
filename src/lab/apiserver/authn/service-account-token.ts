// Tokens of service accounts: signed, bound to a service account and perhaps a pod, and good for a while (JWT, RFC 7519).

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import type { UserInfo } from "#lab/apiserver/request.ts";
import { isFields } from "#lab/apiserver/schema/json.ts";
import type { TokenChecker } from "./authenticator.ts";

/** Something that a token is bound to: it ends with it. */
export type Bound = { readonly name: string; readonly uid: string };

export type TokenClaims = {
  readonly namespace: string;
  readonly serviceAccount: Bound;
  readonly pod?: Bound | undefined;
  readonly audiences: readonly string[];
  readonly expiresMs: number;
};

/** What tokens for this server say they are for. */
export const ownAudience = "https://kubernetes.default.svc.cluster.local";

const header = Buffer.from(JSON.stringify({ alg: "ES256", typ: "JWT" })).toString("base64url");

/** Makes and checks tokens with one key of the curve P-256. */
export class TokenIssuer {
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;
  readonly #now: () => number;

  /** `key` is PEM; undefined: a new one. */
  constructor(key: string | undefined, now: () => number) {
    const made = () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    this.#privateKey = key === undefined ? made() : createPrivateKey(key);
    this.#publicKey = createPublicKey(this.#privateKey);
    this.#now = now;
  }

  issue({ namespace, serviceAccount, pod, audiences, expiresMs }: TokenClaims): string {
    const issued = Math.floor(this.#now() / 1_000);
    const claims = {
      iss: ownAudience,
      sub: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
      aud: audiences,
      iat: issued,
      nbf: issued,
      exp: Math.floor(expiresMs / 1_000),
      "kubernetes.io": { namespace, serviceaccount: serviceAccount, ...(pod === undefined ? {} : { pod }) },
    };
    const body = `${header}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
    const signature = sign("sha256", Buffer.from(body), { key: this.#privateKey, dsaEncoding: "ieee-p1363" });
    return `${body}.${signature.toString("base64url")}`;
  }

  /** The claims of a token that this key signed, that is for this server and has not ended; undefined for any other. */
  check(token: string): TokenClaims | undefined {
    const [head = "", body = "", signature = "", ...more] = token.split(".");
    if (head !== header || more.length > 0) return undefined;
    const signed = Buffer.from(`${head}.${body}`);
    const key = { key: this.#publicKey, dsaEncoding: "ieee-p1363" } as const;
    if (!verify("sha256", signed, key, Buffer.from(signature, "base64url"))) return undefined;
    const claims = toClaims(JSON.parse(Buffer.from(body, "base64url").toString()));
    const good = claims !== undefined && claims.expiresMs > this.#now() && claims.audiences.includes(ownAudience);
    return good ? claims : undefined;
  }
}

function toClaims(value: unknown): TokenClaims | undefined {
  if (!isFields(value) || !isFields(value["kubernetes.io"])) return undefined;
  const { namespace, serviceaccount, pod } = value["kubernetes.io"];
  const account = toBound(serviceaccount);
  const { aud, exp } = value;
  if (typeof namespace !== "string" || account === undefined || typeof exp !== "number") return undefined;
  const audiences = Array.isArray(aud) ? aud.map(String) : [];
  return { namespace, serviceAccount: account, pod: toBound(pod), audiences, expiresMs: exp * 1_000 };
}

function toBound(value: unknown): Bound | undefined {
  if (!isFields(value)) return undefined;
  const { name, uid } = value;
  return typeof name === "string" && typeof uid === "string" ? { name, uid } : undefined;
}

/** Whether what a token is bound to is still there. */
export type IsThere = (plural: "serviceaccounts" | "pods", namespace: string, bound: Bound) => boolean;

/** Users of service account tokens (Kubernetes documentation, "Service account tokens"). */
export function serviceAccountTokens(issuer: TokenIssuer, isThere: IsThere): TokenChecker {
  return (token) => {
    const claims = issuer.check(token);
    if (claims === undefined) return undefined;
    const { namespace, serviceAccount, pod } = claims;
    if (!isThere("serviceaccounts", namespace, serviceAccount)) return undefined;
    if (pod !== undefined && !isThere("pods", namespace, pod)) return undefined;
    return serviceAccountUser(namespace, serviceAccount, pod);
  };
}

export function serviceAccountUser(namespace: string, { name, uid }: Bound, pod?: Bound): UserInfo {
  return {
    username: `system:serviceaccount:${namespace}:${name}`,
    uid,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
    ...(pod === undefined
      ? {}
      : {
          extra: {
            "authentication.kubernetes.io/pod-name": [pod.name],
            "authentication.kubernetes.io/pod-uid": [pod.uid],
          },
        }),
  };
}
