// What a kubelet serves on port 10250: health, pods, logs; and the door for what streams.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import { messageOf } from "#base/error-message.ts";
import { kubeError } from "#kube/kube-error.ts";
import type { KeyPair } from "#lab/apiserver/pki/certificate.ts";
import { drained } from "#lab/drained.ts";
import type { FoundContainer, Kubelet } from "#lab/kubelet/kubelet.ts";
import { parseLogOptions } from "#lab/streaming/log/log-options.ts";
import { readLog } from "#lab/streaming/log/log-reader.ts";
import { refuse } from "#lab/streaming/refuse.ts";

/** A request to stream that leaves HTTP: exec, attach or port-forward of a container. */
export type StreamRequest = {
  readonly action: "exec" | "attach" | "portForward";
  readonly found: FoundContainer;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Uint8Array;
};

/** All PEM. Only clients with a certificate of the authority are let in: the API server. */
export type KubeletTls = KeyPair & { readonly authority: string };

export type KubeletServerOptions = {
  readonly kubelet: Kubelet;
  readonly tls: KubeletTls;
  /** Takes what streams; without it such a request is refused. */
  readonly stream?: (request: StreamRequest) => void;
  readonly now: () => number;
  readonly log: (line: string) => void;
};

/** Listens until disposed. `listen` gives the port. */
export class KubeletServer implements Disposable {
  readonly #options: KubeletServerOptions;
  readonly #http = createServer((request, response) => void this.#answer(request, response));
  readonly #tls;

  constructor(options: KubeletServerOptions) {
    this.#options = options;
    this.#http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Uint8Array) =>
      this.#upgrade(request, socket, head),
    );
    const { certificate: cert, key, authority: ca } = options.tls;
    // Bun's HTTPS server gives no raw socket on upgrade: the TLS server hands its connections over.
    this.#tls = createTlsServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true }, (socket) => {
      socket.on("error", () => socket.destroy());
      this.#http.emit("connection", socket);
    });
  }

  async listen(host: string, port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#tls.once("error", reject);
    this.#tls.listen(port, host, resolve);
    await promise;
    return (this.#tls.address() as AddressInfo).port;
  }

  [Symbol.dispose](): void {
    this.#tls.close();
    this.#http.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "https://kubelet");
    const [, page = "", ...rest] = url.pathname.split("/").map(decodeURIComponent);
    try {
      if (page === "healthz") return void response.end("ok");
      if (page === "containerLogs") return await this.#logs(rest, url.searchParams, response);
      fail(response, 404, `The kubelet has no page ${url.pathname}`);
    } catch (error) {
      this.#options.log(`${url.pathname}: ${messageOf(error)}`);
      if (!response.headersSent) fail(response, 500, "The kubelet failed to answer");
      else response.destroy();
    }
  }

  /** /containerLogs/NAMESPACE/POD/CONTAINER */
  async #logs(
    [namespace = "", name = "", container]: readonly string[],
    query: URLSearchParams,
    response: ServerResponse,
  ) {
    const { kubelet, now } = this.#options;
    const found = kubelet.find(namespace, name, container);
    if (found === undefined)
      return fail(response, 404, `container ${container ?? ""} of pod ${namespace}/${name} not found`);
    const options = parseLogOptions(query, now());
    const runs = () => kubelet.containers.runs(found.uid).get(found.container) ?? [];
    const run = runs().at(options.previous ? -2 : -1);
    if (run === undefined) {
      const which = options.previous ? "previous terminated container" : "container";
      return fail(response, 400, `${which} "${found.container}" in pod "${name}" not found`);
    }
    const end = new AbortController();
    response.on("close", () => end.abort());
    response.writeHead(200, { "content-type": "text/plain" });
    const isOver = () => runs().find(({ attempt }) => attempt === run.attempt)?.ending !== undefined;
    for await (const bytes of readLog(kubelet.state.logFile(run), options, isOver, end.signal)) {
      if (end.signal.aborted) break;
      if (bytes.length > 0 && !response.write(bytes)) await drained(response, end.signal);
    }
    response.end();
  }

  /** /exec/NAMESPACE/POD/CONTAINER, and alike; a port-forward names no container. */
  #upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    const url = new URL(request.url ?? "/", "https://kubelet");
    const [, page = "", namespace = "", name = "", container] = url.pathname.split("/").map(decodeURIComponent);
    const action = (["exec", "attach", "portForward"] as const).find((each) => each === page);
    const found = this.#options.kubelet.find(namespace, name, container);
    const { stream } = this.#options;
    if (action === undefined || found === undefined || stream === undefined) {
      refuse(socket, kubeError("NotFound", `The kubelet has nothing to stream at ${url.pathname}`));
      return;
    }
    stream({ action, found, query: url.searchParams, request, socket, head });
  }
}

function fail(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, { "content-type": "text/plain" });
  response.end(`${sentence}\n`);
}
