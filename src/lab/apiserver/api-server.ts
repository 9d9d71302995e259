// The API server as a library: requests in, answers out; HTTP is elsewhere.

import type { Duplex } from "node:stream";
import { messageOf } from "#base/error-message.ts";
import { badRequest, forbidden, KubeError, kubeError } from "#kube/kube-error.ts";
import { type Authenticator, authenticator, type TokenChecker } from "./authn/authenticator.ts";
import { effectiveUser } from "./authn/impersonation.ts";
import { serviceAccountTokens, TokenIssuer } from "./authn/service-account-token.ts";
import { type Attributes, type Authorizer, allowEverything } from "./authorizer.ts";
import type { ApiContext } from "./context.ts";
import { CustomResources } from "./custom-resources.ts";
import { answerDiscovery } from "./discovery/discovery.ts";
import { EventExpiry } from "./event-expiry.ts";
import { Indexes } from "./indexes.ts";
import { keyOf } from "./keys.ts";
import { type KubeletCall, kubeletCall, podStreams } from "./node-proxy/kubelet-call.ts";
import type { KubeletLink } from "./node-proxy/kubelet-link.ts";
import { operate, verbOf } from "./operate.ts";
import { readObject } from "./operations/read.ts";
import { findSubresource, type Registry, type Verb } from "./registry.ts";
import { type ApiRequest, type ApiResponse, jsonResponse, type UserInfo } from "./request.ts";
import { parseResourcePath, type ResourcePath } from "./request-info.ts";
import { isFields } from "./schema/json.ts";
import type { Store } from "./store/store.ts";
import { kubePrinter } from "./table/printer.ts";
import type { TablePrinter } from "./table-printer.ts";
import type { Target } from "./target.ts";

export type ApiServerOptions = {
  readonly store: Store;
  readonly registry: Registry;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Fills bytes with randomness. */
  readonly random: (bytes: Uint8Array) => Uint8Array;
  /** Signs tokens of service accounts: PEM, of the curve P-256. Without one tokens end with this server. */
  readonly signingKey?: string;
  /** Users by tokens that are known beforehand. */
  readonly users?: ReadonlyMap<string, UserInfo>;
  /** Without one everybody may do everything. */
  readonly authorizer?: Authorizer;
  readonly printer?: TablePrinter;
  /** Way to the kubelets, for logs and terminals; without one there are none. */
  readonly kubelets?: KubeletLink;
  /** Told of errors that are the server's own fault. */
  readonly report?: (error: unknown, request: ApiRequest) => void;
};

/**
 * Serves the Kubernetes API from a store.
 *
 *     const server = new ApiServer({ store, registry: new Registry(builtinResources), now: Date.now, random, signingKey });
 *     const response = await server.handle(request);
 */
export class ApiServer implements Disposable {
  /** Who a caller is, for whoever takes requests from sockets. */
  readonly authenticate: Authenticator;
  readonly #context: ApiContext;
  /** What the server does by itself when something is written. */
  readonly #followers = new DisposableStack();
  readonly #kubelets: KubeletLink | undefined;
  readonly #report: NonNullable<ApiServerOptions["report"]>;

  constructor(options: ApiServerOptions) {
    const { store, registry, now, random, authorizer = allowEverything, printer = kubePrinter, users } = options;
    const tokens = new TokenIssuer(options.signingKey, now);
    const ofServiceAccounts = serviceAccountTokens(tokens, (plural, namespace, { name, uid }) => {
      return store.get(keyOf({ group: "", plural }, namespace, name))?.object.metadata.uid === uid;
    });
    const checkToken: TokenChecker = (token) => users?.get(token) ?? ofServiceAccounts(token);
    this.authenticate = authenticator(checkToken);
    const indexes = this.#followers.use(new Indexes(store));
    this.#context = { store, registry, indexes, now, random, authorizer, printer, tokens, checkToken };
    this.#followers.use(new CustomResources(this.#context));
    this.#followers.use(new EventExpiry(this.#context));
    this.#kubelets = options.kubelets;
    this.#report = options.report ?? (() => {});
  }

  /** Never throws: whatever goes wrong is a Status. */
  async handle(request: ApiRequest): Promise<ApiResponse> {
    try {
      return await this.#answer({ ...request, user: effectiveUser(request, this.#context.authorizer) });
    } catch (error) {
      return this.#explain(error, request);
    }
  }

  /**
   * Joins a connection that leaves HTTP (exec, attach, port-forward) with the kubelet of the pod's node. Gives the answer to refuse it
   * with; undefined when the connection is the kubelet's now.
   */
  async upgrade(request: ApiRequest, client: Duplex, head: Uint8Array): Promise<ApiResponse | undefined> {
    try {
      const user = effectiveUser(request, this.#context.authorizer);
      const { target } = this.#resolve({ ...request, user });
      const { call, link } = this.#kubeletOf(target);
      await link.tunnel(call, request, client, head);
      return undefined;
    } catch (error) {
      return this.#explain(error, request);
    }
  }

  /** Stops following the store, which is the caller's. */
  [Symbol.dispose](): void {
    this.#followers.dispose();
  }

  #explain(error: unknown, request: ApiRequest): ApiResponse {
    if (!(error instanceof KubeError)) this.#report(error, request);
    return answerError(error);
  }

  async #answer(request: ApiRequest): Promise<ApiResponse> {
    if (parseResourcePath(request.path) === undefined) {
      this.#checkAllowed({ user: request.user, verb: request.method.toLowerCase(), path: request.path });
      return answerDiscovery(this.#context, request) ?? answerError(unknownPath());
    }
    const { target, verb } = this.#resolve(request);
    if (!podStreams.some((name) => name === target.subresource)) return operate(this.#context, target, verb);
    if (target.subresource !== "log") throw badRequest("Upgrade request required");
    const { call, link } = this.#kubeletOf(target);
    return await link.get(call, request.signal);
  }

  /** What a request is about, once it is allowed. Throws NotFound and Forbidden. */
  #resolve(request: ApiRequest): { readonly target: Target; readonly verb: Verb } {
    const path = parseResourcePath(request.path);
    if (path === undefined) throw unknownPath();
    const target = this.#targetOf(request, path);
    const verb = verbOf(target);
    const { user } = request;
    const { group, version, plural: resource, subresource } = path;
    const { namespace = "", name } = target;
    this.#checkAllowed({ user, verb, group, version, resource, subresource, namespace, name });
    return { target, verb };
  }

  /** The kubelet that has a pod, and what to ask it. */
  #kubeletOf(target: Target): { readonly call: KubeletCall; readonly link: KubeletLink } {
    const link = this.#kubelets;
    const stream = podStreams.find((name) => name === target.subresource);
    if (link === undefined || stream === undefined) throw unknownPath();
    const pod = readObject(this.#context, target).object;
    const nodeName = isFields(pod["spec"]) ? pod["spec"]["nodeName"] : undefined;
    const key = keyOf({ group: "", plural: "nodes" }, undefined, typeof nodeName === "string" ? nodeName : "");
    const node = this.#context.store.get(key)?.object;
    return { call: kubeletCall(pod, node, stream, target.request.query), link };
  }

  /** What the path names. Throws NotFound for what is not served. */
  #targetOf(request: ApiRequest, path: ResourcePath): Target {
    const found = this.#context.registry.find(path.group, path.version, path.plural);
    if (found === undefined) throw unknownPath();
    const { definition, version } = found;
    const { namespace, name = "", subresource } = path;
    if (namespace !== undefined && !definition.namespaced) throw unknownPath();
    if (name !== "" && namespace === undefined && definition.namespaced) throw unknownPath();
    if (subresource !== "" && findSubresource(definition, subresource) === undefined) throw unknownPath();
    return { request, definition, version, namespace, name, subresource };
  }

  #checkAllowed(attributes: Attributes): void {
    const { allowed, reason } = this.#context.authorizer.decide(attributes);
    if (!allowed) throw refused(attributes, reason);
  }
}

function refused(attributes: Attributes, reason: string): KubeError {
  const { username } = attributes.user;
  const because = reason === "" ? "" : `: ${reason}`;
  if ("path" in attributes) {
    const message = `forbidden: User "${username}" cannot ${attributes.verb} path "${attributes.path}"${because}`;
    return kubeError("Forbidden", message, {});
  }
  const { verb, group, resource, subresource, namespace, name } = attributes;
  const plural = subresource === "" ? resource : `${resource}/${subresource}`;
  const where = namespace === "" ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const why = `User "${username}" cannot ${verb} resource "${plural}" in API group "${group}" ${where}${because}`;
  return forbidden({ group, plural: resource }, name, why);
}

function unknownPath(): KubeError {
  return kubeError("NotFound", "the server could not find the requested resource", {});
}

/** An error as an answer. */
export function answerError(error: unknown): ApiResponse {
  if (error instanceof KubeError) return jsonResponse(error.status, error.httpCode);
  const message = `Internal error occurred: ${messageOf(error)}`;
  return answerError(kubeError("InternalError", message));
}
