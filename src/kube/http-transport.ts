// Requests to an API server over HTTPS, with its authority's certificate and a token or a client certificate.

import { isErrno } from "#kernel/errno.ts";
import { KubeError, kubeError, type Status, type StatusReason, statusCodes } from "./kube-error.ts";
import type { KubeRequest, Transport } from "./transport.ts";

/** Where an API server is and who we are to it; certificates and keys as PEM. */
export type Cluster = {
  /** `https://172.30.0.2:6443` */
  readonly server: string;
  readonly certificateAuthority?: string | undefined;
  readonly insecureSkipTlsVerify?: boolean;
  readonly token?: string | undefined;
  readonly clientCertificate?: string | undefined;
  readonly clientKey?: string | undefined;
};

/** A connection may be lost without a word: who asks is to hear of it, and can ask again. */
const answerLimitMs = 15_000;

/** A transport to a cluster. Connections are kept and used again; whoever gets no answer within `limitMs` hears of it. */
export function httpTransport(cluster: Cluster, limitMs = answerLimitMs): Transport {
  return {
    async request(request) {
      const signal = either(request.signal, AbortSignal.timeout(limitMs));
      try {
        const response = await send(cluster, { ...request, signal });
        return parseAnswer(await response.text(), request);
      } catch (error) {
        throw inWords(error);
      }
    },
    async *stream(request) {
      try {
        const response = await openWithin(limitMs, (signal) =>
          send(cluster, { ...request, signal: either(request.signal, signal) }),
        );
        request.opened?.();
        if (response.body !== null) yield* response.body;
      } catch (error) {
        throw inWords(error);
      }
    },
  };
}

/** The limit is for the beginning of an answer: without one, connecting while the network drops everything goes on for two minutes. */
async function openWithin<T>(limitMs: number, open: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new DOMException("The operation timed out.", "TimeoutError")), limitMs);
  try {
    return await open(limit.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** What the engine says of these speaks of its own parameters, and of pages. */
const troubles = {
  ECONNREFUSED: "nobody listens at the API server's address",
  ECONNRESET: "the connection to the API server was lost",
  ETIMEDOUT: "the API server does not answer",
  ENETUNREACH: "no route leads to the API server",
  EHOSTUNREACH: "no route leads to the API server",
  ENOTFOUND: "the API server's name has no address",
} as const;

/** Errors that are no trouble of the network's stay as they are. */
function inWords(error: unknown): unknown {
  const code = Object.keys(troubles).find((each) => isErrno(error, each)) as keyof typeof troubles | undefined;
  const isLate = error instanceof DOMException && error.name === "TimeoutError";
  if (code === undefined && !isLate) return error;
  const why = code === undefined ? "the API server has not answered in time" : `${troubles[code]} (${code})`;
  return new Error(why, { cause: error });
}

function either(signal: AbortSignal | undefined, limit: AbortSignal): AbortSignal {
  return signal === undefined ? limit : AbortSignal.any([signal, limit]);
}

/** @throws KubeError for what is no JSON: a page of a proxy's, or an answer that was cut off */
function parseAnswer(text: string, { method, path }: KubeRequest): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const [start, end] = [text.slice(0, 80), text.slice(80).slice(-20)];
    const shown = end === "" ? start : `${start}…${end}`;
    const message = `${method} ${path} was answered with no JSON but "${shown}": is this the address of an API server?`;
    throw new KubeError(kubeError("InternalError", message).status, { cause });
  }
}

async function send(cluster: Cluster, request: KubeRequest): Promise<Response> {
  const response = await fetch(urlOf(cluster, request), {
    method: request.method,
    headers: {
      accept: "application/json",
      ...(cluster.token === undefined ? {} : { authorization: `Bearer ${cluster.token}` }),
      ...(request.body === undefined ? {} : { "content-type": request.contentType ?? "application/json" }),
    },
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    // A watch may be silent for longer than the engine's own limit.
    timeout: false,
    tls: {
      ...(cluster.certificateAuthority === undefined ? {} : { ca: cluster.certificateAuthority }),
      ...(cluster.clientCertificate === undefined ? {} : { cert: cluster.clientCertificate }),
      ...(cluster.clientKey === undefined ? {} : { key: cluster.clientKey }),
      ...(cluster.insecureSkipTlsVerify === true ? { rejectUnauthorized: false } : {}),
    },
  } as BunFetchRequestInit & { timeout: false });
  if (!response.ok) throw await errorOf(response, request);
  return response;
}

function urlOf({ server }: Cluster, { path, query }: KubeRequest): string {
  const parameters = new URLSearchParams(query).toString();
  return `${server.replace(/\/$/, "")}${path}${parameters === "" ? "" : `?${parameters}`}`;
}

/** What a proxy in between, or a server that is just starting, answers with is no Status. */
async function errorOf(response: Response, { method, path }: KubeRequest): Promise<KubeError> {
  const text = await response.text();
  const status = statusOf(text);
  if (status !== undefined) return new KubeError(status);
  const reason = (Object.keys(statusCodes) as StatusReason[]).find((name) => statusCodes[name] === response.status);
  const message = `${method} ${path} was answered with ${response.status}: ${text.trim().slice(0, 200) || "no text"}`;
  return reason === undefined
    ? new KubeError({ ...kubeError("InternalError", message).status, code: response.status })
    : kubeError(reason, message);
}

function statusOf(text: string): Status | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isStatus = typeof value === "object" && value !== null && "kind" in value && value.kind === "Status";
    return isStatus ? (value as Status) : undefined;
  } catch {
    return undefined;
  }
}
