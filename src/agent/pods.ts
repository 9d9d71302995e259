// Pods as the API server tells of them: what they ask for by annotations, and what policies and services must know.

import { messageOf } from "#base/error-message.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { KubeClient } from "#kube/client.ts";
import type { Pod } from "#kube/kinds.ts";
import { hasReason } from "#kube/kube-error.ts";
import { Mirror } from "#kube/mirror.ts";
import type { Pace } from "#kube/reflect.ts";
import { pods } from "#kube/resource.ts";
import { addressesAnnotation, hasUid, type PodModel, toPodModel } from "#model/pod.ts";
import type { Labels } from "#model/policy/party.ts";
import { parseIp } from "#net/ip.ts";
import type { AddressWish } from "./ipam/ipam.ts";
import type { PodName } from "./state/endpoint.ts";

/** A runtime waits, but not for long. */
const patienceMs = 5_000;
/** Beyond so many kinds of labels those that no pod has are forgotten. */
const maxLabels = 100_000;

/** Of which pods to know, and who is told of them. */
export type PodsOptions = {
  readonly client: KubeClient;
  readonly pace: Pace;
  /** Undefined: those of all nodes. */
  readonly nodeName: string | undefined;
  /** Told of every pod that comes, changes or goes. */
  readonly changed: (pod: Pick<PodName, "namespace" | "name">, model: PodModel | undefined) => void;
  readonly failed: (error: unknown) => void;
  readonly followed: () => void;
};

export class Pods implements Disposable {
  readonly #options: PodsOptions;
  readonly #mirror: Mirror<Pod, PodModel>;
  /** Pods that the API server was asked for before it told of them, with their revisions. */
  readonly #early = new Map<string, { readonly model: PodModel; readonly revision: number }>();
  /** Replicas have the same labels: one copy is enough. */
  readonly #labels = new Map<string, WeakRef<Labels>>();
  readonly synced: Promise<void>;

  constructor(options: PodsOptions) {
    const { client, pace, nodeName, failed, followed } = options;
    this.#options = options;
    this.#mirror = new Mirror<Pod, PodModel>({
      ...{ client, resource: pods, pace, failed, followed },
      selection: nodeName === undefined ? {} : { fieldSelector: `spec.nodeName=${nodeName}` },
      transform: (pod) => this.#share(toPodModel(pod)),
      changed: ({ before, after }) => this.#change(before, after),
    });
    this.synced = this.#mirror.synced;
  }

  /** As far as the API server has told. */
  modelOf(pod: Pick<PodName, "namespace" | "name">): PodModel | undefined {
    const key = `${pod.namespace}/${pod.name}`;
    return this.#early.get(key)?.model ?? this.#mirror.objects.get(key);
  }

  /**
   * The addresses that a pod's annotation asks for; none for a pod that the API server does not know.
   * @throws CniError 11 when the API server cannot be asked, 7 when the annotation is malformed
   */
  async wishOf(pod: PodName): Promise<AddressWish | undefined> {
    const model = await this.#find(pod);
    return model?.wish === undefined ? undefined : readWish(model, model.wish);
  }

  [Symbol.dispose](): void {
    this.#mirror[Symbol.dispose]();
  }

  #change(before: PodModel | undefined, after: PodModel | undefined): void {
    const pod = after ?? before;
    if (pod === undefined) return;
    const key = `${pod.namespace}/${pod.name}`;
    const early = this.#early.get(key);
    if (early !== undefined && this.#isTold(early.revision)) this.#early.delete(key);
    this.#options.changed(pod, this.modelOf(pod));
  }

  /** Whether the watch, which tells everything in order, is as far as this revision. */
  #isTold(revision: number): boolean {
    return revision <= this.#mirror.revision;
  }

  #share(model: PodModel): PodModel {
    const text = JSON.stringify(model.labels);
    const known = this.#labels.get(text)?.deref();
    if (known !== undefined) return { ...model, labels: known };
    this.#labels.set(text, new WeakRef(model.labels));
    if (this.#labels.size > maxLabels) {
      for (const [each, labels] of this.#labels) if (labels.deref() === undefined) this.#labels.delete(each);
    }
    return model;
  }

  async #find(pod: PodName): Promise<PodModel | undefined> {
    const { client, pace, changed } = this.#options;
    const { namespace, name, uid } = pod;
    const known = this.modelOf(pod);
    if (known !== undefined && hasUid(known, uid)) return known;
    // The runtime was faster than our watch.
    const end = new AbortController();
    const late = pace.sleep(patienceMs, end.signal).then(() => {
      throw new Error(`it has not answered within ${patienceMs / 1000} s`);
    });
    late.catch(() => {});
    try {
      const answer = await Promise.race([client.get(pods, { namespace, name }), late]);
      const model = toPodModel(answer);
      const revision = Number(answer.metadata.resourceVersion ?? 0);
      // What the watch has told since may be that this pod is gone.
      if (!this.#isTold(revision)) {
        this.#early.set(`${namespace}/${name}`, { model, revision });
        changed(pod, model);
      }
      return model;
    } catch (error) {
      if (hasReason(error, "NotFound")) return undefined;
      const problem = messageOf(error);
      throw new CniError(ErrorCode.tryAgainLater, `Cannot ask the API server for pod ${namespace}/${name}: ${problem}`);
    } finally {
      end.abort();
    }
  }
}

/** @throws CniError 7 */
function readWish({ namespace, name }: PodModel, text: string): AddressWish {
  const askedBy = `annotation ${addressesAnnotation} of pod ${namespace}/${name}`;
  const addresses = text.split(",").map((part) => {
    const address = parseIp(part.trim());
    if (address !== undefined) return address;
    throw new CniError(ErrorCode.invalidConfig, `${askedBy} must be addresses separated by commas, found "${text}"`);
  });
  return { addresses, askedBy };
}
