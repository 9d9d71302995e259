// What the API server takes and gives, without sockets: HTTP is one way to get here, a call in the same process another.

/** Who asks (authentication.k8s.io/v1 UserInfo). */
export type UserInfo = {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
};

export type ApiRequest = {
  readonly method: string;
  /** Without the query, as it came: still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  readonly user: UserInfo;
  /** Aborts when the caller is gone: what streams to it ends. */
  readonly signal: AbortSignal;
};

export type Headers = Readonly<Record<string, string>>;

/** An answer that is complete. An object goes out as JSON; text is JSON already, or what the content type says. */
export type CompleteResponse = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: object | string | Uint8Array;
};

/** An answer that goes on until the stream ends or the request's signal aborts. */
export type StreamResponse = {
  readonly status: number;
  readonly headers: Headers;
  readonly stream: AsyncIterable<string | Uint8Array>;
};

export type ApiResponse = CompleteResponse | StreamResponse;

export const jsonHeaders: Headers = { "content-type": "application/json" };

export function jsonResponse(body: object | string, status = 200): CompleteResponse {
  return { status, headers: jsonHeaders, body };
}

export function textResponse(body: string, status = 200): CompleteResponse {
  return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body };
}
