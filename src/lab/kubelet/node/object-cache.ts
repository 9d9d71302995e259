// ConfigMaps, Secrets and service account tokens as pods of this node need them: asked for when needed, kept for a moment.

import type { KubeClient } from "#kube/client.ts";
import type { Pod } from "#kube/kinds.ts";
import { hasReason } from "#kube/kube-error.ts";
import { configMaps, secrets } from "#kube/resource.ts";
import type { Data, Sources } from "#lab/kubelet/pod/environment.ts";
import { referencesOf } from "#lab/kubelet/pod/references.ts";
import type { Tokens } from "#lab/kubelet/pod/volume-files.ts";

type Kept<T> = { readonly value: Promise<T>; readonly untilMs: number };

/** Pods of one rollout ask for the same objects within moments; changes reach files within this and the next round. */
const keepMs = 2000;
const maxKept = 10_000;
const usualTokenSeconds = 3600;
/** As kubelets: a token is replaced when it has a fifth of its time left. */
const tokenShare = 0.8;

export class ObjectCache {
  readonly #client: KubeClient;
  readonly #now: () => number;
  readonly #data = new Map<string, Kept<Data | undefined>>();
  readonly #tokens = new Map<string, Kept<string>>();

  constructor(client: KubeClient, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  /** What a pod refers to. @throws KubeError, but for what is not there. */
  async sources(pod: Pod): Promise<Sources> {
    const { namespace = "" } = pod.metadata;
    const references = referencesOf(pod);
    const [maps, hidden] = await Promise.all([
      this.#readAll(references.configMaps, (name) => this.#configMap(namespace, name)),
      this.#readAll(references.secrets, (name) => this.#secret(namespace, name)),
    ]);
    return { configMap: (name) => maps.get(name), secret: (name) => hidden.get(name) };
  }

  /** The tokens that a pod's projected volumes ask for. @throws KubeError */
  async tokens(pod: Pod): Promise<Tokens> {
    const tokens = referencesOf(pod).tokens.map(async ({ path, audience, expirationSeconds = usualTokenSeconds }) => {
      const { uid = "" } = pod.metadata;
      const keep = expirationSeconds * 1000 * tokenShare;
      const token = await this.#kept(this.#tokens, `${uid} ${path}`, keep, () =>
        this.#token(pod, audience, expirationSeconds),
      );
      return [path, token] as const;
    });
    return new Map(await Promise.all(tokens));
  }

  async #readAll(names: ReadonlySet<string>, read: (name: string) => Promise<Data | undefined>) {
    const entries = await Promise.all([...names].map(async (name) => [name, await read(name)] as const));
    return new Map(entries);
  }

  #configMap(namespace: string, name: string): Promise<Data | undefined> {
    return this.#kept(this.#data, `configmap ${namespace}/${name}`, keepMs, async () => {
      const found = await orNothing(this.#client.get(configMaps, { namespace, name }));
      if (found === undefined) return undefined;
      const text = Object.entries(found.data ?? {}).map(
        ([key, value]) => [key, new TextEncoder().encode(value)] as const,
      );
      return new Map([...text, ...decoded(found.binaryData ?? {})]);
    });
  }

  #secret(namespace: string, name: string): Promise<Data | undefined> {
    return this.#kept(this.#data, `secret ${namespace}/${name}`, keepMs, async () => {
      const found = await orNothing(this.#client.get(secrets, { namespace, name }));
      return found === undefined ? undefined : new Map(decoded(found.data ?? {}));
    });
  }

  /** The TokenRequest API: a subresource of the service account, bound to the pod. */
  async #token(pod: Pod, audience: string | undefined, expirationSeconds: number): Promise<string> {
    const { namespace = "", name, uid = "" } = pod.metadata;
    const account = pod.spec?.serviceAccountName ?? "default";
    const answer = await this.#client.raw({
      method: "POST",
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
      query: {},
      body: {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: {
          audiences: audience === undefined ? [] : [audience],
          expirationSeconds,
          boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid },
        },
      },
    });
    return (answer as { readonly status?: { readonly token?: string } }).status?.token ?? "";
  }

  #kept<T>(cache: Map<string, Kept<T>>, key: string, forMs: number, read: () => Promise<T>): Promise<T> {
    const found = cache.get(key);
    if (found !== undefined && found.untilMs > this.#now()) return found.value;
    const value = read();
    cache.delete(key);
    cache.set(key, { value, untilMs: this.#now() + forMs });
    for (const old of cache.keys()) if (cache.size > maxKept) cache.delete(old);
    const forget = () => {
      if (cache.get(key)?.value === value) cache.delete(key);
    };
    // What is missing is waited for: the next question must reach the API.
    value.then((found) => (found === undefined ? forget() : undefined), forget);
    return value;
  }
}

function decoded(data: Readonly<Record<string, string>>): readonly (readonly [string, Uint8Array])[] {
  return Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64")]);
}

async function orNothing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (hasReason(error, "NotFound")) return undefined;
    throw error;
  }
}
