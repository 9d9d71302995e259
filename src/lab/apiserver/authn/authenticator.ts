// Who a caller is: by client certificate or by bearer token, as far as anybody vouches for it.

import type { UserInfo } from "#lab/apiserver/request.ts";

/** What a connection and a request bring along. */
export type Credentials = {
  /** Subject of a client certificate that the cluster's authority signed. */
  readonly certificate: CertificateSubject | undefined;
  /** The Authorization header. */
  readonly authorization: string | undefined;
};

export type CertificateSubject = { readonly commonName: string; readonly organizations: readonly string[] };

/** The user of a token; undefined: nobody this checker knows. */
export type TokenChecker = (token: string) => UserInfo | undefined;

/** undefined: the credentials are wrong, and the caller gets 401. */
export type Authenticator = (credentials: Credentials) => UserInfo | undefined;

const authenticated = "system:authenticated";

export const anonymous: UserInfo = { username: "system:anonymous", groups: ["system:unauthenticated"] };

/** Certificates first, then tokens; without either a caller is anonymous. */
export function authenticator(checkToken: TokenChecker): Authenticator {
  return ({ certificate, authorization }) => {
    if (certificate !== undefined) {
      const { commonName, organizations } = certificate;
      return { username: commonName, groups: [...organizations, authenticated] };
    }
    if (authorization === undefined) return anonymous;
    const token = /^bearer +(\S+)$/i.exec(authorization.trim())?.[1];
    const user = token === undefined ? undefined : checkToken(token);
    if (user === undefined || user.groups.includes(authenticated)) return user;
    return { ...user, groups: [...user.groups, authenticated] };
  };
}
