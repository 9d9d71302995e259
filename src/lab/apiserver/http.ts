// The API server on a socket: HTTP/1.1 over TLS, with client certificates and tokens.

import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type Certificate, createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { kubeError } from "#kube/kube-error.ts";
import { drained } from "#lab/drained.ts";
import { type ApiServer, answerError } from "./api-server.ts";
import type { CertificateSubject } from "./authn/authenticator.ts";
import { maxBodyBytes, tooLarge } from "./extent.ts";
import type { ApiRequest, ApiResponse, CompleteResponse, UserInfo } from "./request.ts";

export type HttpFrontOptions = {
  readonly api: Pick<ApiServer, "handle" | "upgrade" | "authenticate">;
  /** All PEM; `authority` signs client certificates. */
  readonly tls: { readonly certificate: string; readonly key: string; readonly authority: string };
};

/**
 * Listens for clients until disposed. The TLS server is one of its own and hands its connections to the HTTP server: Bun's HTTPS server
 * does not tell whose certificate a client showed.
 */
export class HttpFront implements AsyncDisposable {
  readonly #options: HttpFrontOptions;
  readonly #http: Server;
  readonly #tls: TlsServer[] = [];
  readonly #connections = new Set<TLSSocket>();

  constructor(options: HttpFrontOptions) {
    this.#options = options;
    // What breaks in the middle, a body that ends early or a stream that fails, can be answered by the end of the connection only.
    this.#http = createServer((request, response) => {
      this.#serve(request, response).catch(() => request.socket.destroy());
    });
    this.#http.on("upgrade", (request, socket, head) => {
      this.#upgrade(request, socket, head).catch(() => socket.destroy());
    });
  }

  /** Listens on one more address; gives the port, which is chosen by the kernel when 0 is asked for. */
  async listen(host: string, port: number): Promise<number> {
    const { certificate: cert, key, authority: ca } = this.#options.tls;
    const server = createTlsServer({ cert, key, ca, requestCert: true, rejectUnauthorized: false }, (socket) => {
      this.#connections.add(socket);
      socket.on("close", () => this.#connections.delete(socket));
      // A client that goes away in the middle is no event for a server.
      socket.on("error", () => socket.destroy());
      this.#http.emit("connection", socket);
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(port, host, resolve);
    await promise;
    this.#tls.push(server);
    return (server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#tls.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const socket of this.#connections) socket.destroy();
    await Promise.all(closed);
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const answer = (what: ApiResponse) => send(response, what, message.method ?? "", gone.signal);
    const user = this.#userOf(message);
    if (user === undefined) return await answer(unauthorized());
    const body = await readBody(message);
    if (body === "too large") return await answer(answerError(tooLarge()));
    if (gone.signal.aborted) return;
    await answer(await this.#options.api.handle(toRequest(message, user, body, gone.signal)));
  }

  async #upgrade(message: IncomingMessage, socket: Duplex, head: Uint8Array): Promise<void> {
    const gone = new AbortController();
    socket.on("close", () => gone.abort());
    // A client that goes away in the middle is no event for a server.
    socket.on("error", () => socket.destroy());
    const user = this.#userOf(message);
    const refused =
      user === undefined
        ? unauthorized()
        : await this.#options.api.upgrade(toRequest(message, user, undefined, gone.signal), socket, head);
    if (refused !== undefined && "body" in refused) refuse(socket, refused);
  }

  #userOf(message: IncomingMessage): UserInfo | undefined {
    const socket = message.socket as TLSSocket;
    const certificate = subjectOf(socket);
    // Whoever shows a certificate wants to be its subject: one that the authority has not signed makes nobody.
    if (certificate !== undefined && !socket.authorized) return undefined;
    return this.#options.api.authenticate({ certificate, authorization: message.headers.authorization });
  }
}

function subjectOf(socket: TLSSocket): CertificateSubject | undefined {
  // Empty for clients without a certificate.
  const subject: Partial<Certificate> = socket.getPeerCertificate()?.subject ?? {};
  const { CN, O = [] } = subject;
  return CN === undefined ? undefined : { commonName: String(CN), organizations: [O].flat() };
}

function toRequest(
  { method = "GET", url = "/", headers }: IncomingMessage,
  user: UserInfo,
  body: Uint8Array | undefined,
  signal: AbortSignal,
): ApiRequest {
  const [path = "/", ...query] = url.split("?");
  const texts = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value]],
  );
  return {
    method,
    path,
    query: new URLSearchParams(query.join("?")),
    headers: Object.fromEntries(texts),
    body,
    user,
    signal,
  };
}

async function readBody(message: IncomingMessage): Promise<Uint8Array | undefined | "too large"> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    // What is too much is read and dropped: a client that is still sending would not see the answer.
    if (size <= maxBodyBytes) chunks.push(chunk);
  }
  if (size > maxBodyBytes) return "too large";
  return size === 0 ? undefined : Buffer.concat(chunks);
}

async function send(response: ServerResponse, answer: ApiResponse, method: string, gone: AbortSignal): Promise<void> {
  if ("stream" in answer) return await stream(response, answer.status, answer.headers, answer.stream, gone);
  const bytes = bytesOf(answer.body);
  response.writeHead(answer.status, { ...answer.headers, "content-length": bytes.byteLength });
  response.end(method === "HEAD" ? undefined : bytes);
}

async function stream(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  chunks: AsyncIterable<string | Uint8Array>,
  gone: AbortSignal,
): Promise<void> {
  response.writeHead(status, { ...headers, "transfer-encoding": "chunked" });
  response.flushHeaders();
  for await (const chunk of chunks) {
    if (gone.aborted) break;
    if (!response.write(chunk)) await drained(response, gone);
  }
  response.end();
}

function unauthorized(): ApiResponse {
  return answerError(kubeError("Unauthorized", "Unauthorized"));
}

/** The answer of a connection that wanted to leave HTTP and may not. */
function refuse(socket: Duplex, { status, headers, body }: CompleteResponse): void {
  const bytes = bytesOf(body);
  const all = { ...headers, "content-length": String(bytes.byteLength), connection: "close" };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}\r\n`);
  socket.end(bytes);
}

function bytesOf(body: CompleteResponse["body"]): Uint8Array {
  return body instanceof Uint8Array ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}
