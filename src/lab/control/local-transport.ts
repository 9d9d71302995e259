// Requests to an API server in the same process: no socket, no TLS, no HTTP.

import { KubeError, type Status } from "#kube/kube-error.ts";
import type { KubeRequest, Transport } from "#kube/transport.ts";
import type { ApiServer } from "#lab/apiserver/api-server.ts";
import type { ApiRequest, ApiResponse, UserInfo } from "#lab/apiserver/request.ts";

/** A transport for a client that is `user`. */
export function localTransport(api: Pick<ApiServer, "handle">, user: UserInfo): Transport {
  return {
    async request(request) {
      const response = await api.handle(toRequest(request, user));
      if ("stream" in response) throw new TypeError(`${request.method} ${request.path} is answered with a stream`);
      const value = parse(response.body);
      if (response.status >= 400) throw new KubeError(value as Status);
      return value;
    },
    async *stream(request) {
      const response: ApiResponse = await api.handle(toRequest(request, user));
      if ("stream" in response) {
        for await (const chunk of response.stream) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
        return;
      }
      if (response.status >= 400) throw new KubeError(parse(response.body) as Status);
      yield typeof response.body === "string" ? Buffer.from(response.body) : Buffer.from(JSON.stringify(response.body));
    },
  };
}

function toRequest({ method, path, query, body, contentType, signal }: KubeRequest, user: UserInfo): ApiRequest {
  return {
    ...{ method, path, user, query: new URLSearchParams(query) },
    headers: { accept: "application/json", "content-type": contentType ?? "application/json" },
    body: body === undefined ? undefined : Buffer.from(JSON.stringify(body)),
    signal: signal ?? new AbortController().signal,
  };
}

/** A copy of its own: the server's objects are shared by all who read them. */
function parse(body: object | string | Uint8Array): unknown {
  if (body instanceof Uint8Array) return JSON.parse(Buffer.from(body).toString());
  return JSON.parse(typeof body === "string" ? body : JSON.stringify(body));
}
