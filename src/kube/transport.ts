// How a client's requests reach an API server: over HTTPS, or straight into one in the same process.

/** A request to the API; `body` is sent as JSON. */
export type KubeRequest = {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Without query: `/api/v1/namespaces/shop/pods`. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Of the body; `application/json` unless told. */
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
  /** Of a stream: told when the server has taken it, which may be long before it says anything. */
  readonly opened?: (() => void) | undefined;
};

/** Both throw `KubeError` when the server answers with an error, and the transport's own error when it cannot be reached. */
export type Transport = {
  /** The answer's JSON. */
  request(request: KubeRequest): Promise<unknown>;
  /** The answer's bytes as they come, for watches and logs; ends when the server ends it, throws when the signal aborts. */
  stream(request: KubeRequest): AsyncIterable<Uint8Array>;
};
