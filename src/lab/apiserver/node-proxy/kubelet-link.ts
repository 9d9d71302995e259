// Connections to kubelets: one answer streamed back, or a tunnel of bytes for what leaves HTTP.

import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import { messageOf } from "#base/error-message.ts";
import { kubeError } from "#kube/kube-error.ts";
import type { ApiRequest, ApiResponse } from "#lab/apiserver/request.ts";
import type { KubeletCall } from "./kubelet-call.ts";

/** How the API server shows itself to kubelets, and whose certificates it takes from them; all PEM. */
export type KubeletCredentials = { readonly certificate: string; readonly key: string; readonly authority: string };

const connectTimeoutMs = 10_000;

export class KubeletLink {
  readonly #tls: {
    readonly cert: string;
    readonly key: string;
    readonly ca: string;
    readonly checkServerIdentity: () => undefined;
  };

  constructor({ certificate, key, authority }: KubeletCredentials) {
    // Who holds a certificate of the authority for servers is one of the lab's kubelets; their addresses come and go.
    this.#tls = { cert: certificate, key, ca: authority, checkServerIdentity: () => undefined };
  }

  /** Asks a kubelet and passes its answer on as it comes. Throws InternalError when it cannot be reached. */
  async get({ host, port, path }: KubeletCall, signal: AbortSignal): Promise<ApiResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const sent = httpsRequest({ host, port, path, method: "GET", timeout: connectTimeoutMs, ...this.#tls }, resolve);
    sent.on("error", reject);
    sent.end();
    signal.addEventListener("abort", () => sent.destroy(), { once: true });
    const answer = await promise.catch((error) => {
      throw unreachable(host, port, error);
    });
    const type = answer.headers["content-type"] ?? "text/plain";
    return { status: answer.statusCode ?? 200, headers: { "content-type": type }, stream: answer };
  }

  /**
   * Repeats a request that leaves HTTP at a kubelet and joins both connections: what protocol they speak is theirs (SPDY/3.1 and
   * WebSocket both). Throws InternalError when the kubelet cannot be reached.
   */
  async tunnel(
    { host, port, path }: KubeletCall,
    request: ApiRequest,
    client: Duplex,
    head: Uint8Array,
  ): Promise<void> {
    const kubelet = await this.#connect(host, port);
    kubelet.write(requestHead(request, path, `${host}:${port}`));
    if (head.byteLength > 0) kubelet.write(head);
    for (const [from, to] of [
      [kubelet, client],
      [client, kubelet],
    ] as const) {
      from.pipe(to);
      from.on("error", () => to.destroy());
    }
    // A client that is gone reads nothing more; what a kubelet sent last may still be on its way to the client.
    client.on("close", () => kubelet.destroy());
    kubelet.on("close", () => client.end());
  }

  async #connect(host: string, port: number): Promise<Duplex> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = connect({ host, port, ...this.#tls }, resolve);
    socket.setTimeout(connectTimeoutMs, () => reject(new Error("no answer")));
    socket.once("error", reject);
    try {
      await promise;
    } catch (error) {
      socket.destroy();
      throw unreachable(host, port, error);
    }
    socket.setTimeout(0);
    return socket;
  }
}

/** Only who asks is left out: the kubelet knows this server by its certificate. */
function requestHead({ method, headers }: ApiRequest, path: string, host: string): string {
  const kept = Object.entries(headers).filter(([name]) => name !== "host" && name !== "authorization");
  const lines = kept.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${lines}\r\n`;
}

function unreachable(host: string, port: number, error: unknown): Error {
  const why = messageOf(error);
  return kubeError("InternalError", `error dialing backend: cannot reach the kubelet at ${host}:${port}: ${why}`);
}
