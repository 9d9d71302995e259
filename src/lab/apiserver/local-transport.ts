// A client's way to an API server in the same process: the requests of HTTP, without sockets.

import { KubeError, type Status } from "#kube/kube-error.ts";
import type { KubeRequest, Transport } from "#kube/transport.ts";
import type { ApiServer } from "./api-server.ts";
import type { ApiResponse, UserInfo } from "./request.ts";

/** Who the lab's own controllers are. */
export const controllerUser: UserInfo = { username: "system:kube-controller-manager", groups: ["system:masters"] };

/** A transport that asks `server` as `user`. What it gives are copies: nobody shares objects with the store. */
export function localTransport(server: ApiServer, user: UserInfo): Transport {
  return {
    async request(request) {
      const response = await ask(server, user, request, new AbortController().signal);
      if ("stream" in response) throw new Error(`${request.method} ${request.path} was answered with a stream`);
      const { body } = response;
      return JSON.parse(
        typeof body === "string" ? body : body instanceof Uint8Array ? decode(body) : JSON.stringify(body),
      );
    },
    async *stream(request) {
      const signal = request.signal ?? new AbortController().signal;
      const response = await ask(server, user, request, signal);
      if (!("stream" in response)) throw new Error(`${request.method} ${request.path} was answered without a stream`);
      request.opened?.();
      for await (const chunk of response.stream) yield typeof chunk === "string" ? encoder.encode(chunk) : chunk;
    },
  };
}

const encoder = new TextEncoder();

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

async function ask(server: ApiServer, user: UserInfo, request: KubeRequest, signal: AbortSignal): Promise<ApiResponse> {
  const response = await server.handle({
    method: request.method,
    path: request.path,
    query: new URLSearchParams(request.query),
    headers: { accept: "application/json", "content-type": request.contentType ?? "application/json" },
    body: request.body === undefined ? undefined : encoder.encode(JSON.stringify(request.body)),
    user,
    signal,
  });
  if (response.status < 400) return response;
  throw new KubeError(("body" in response ? response.body : {}) as Status);
}
