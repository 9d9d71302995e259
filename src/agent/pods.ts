// The pods of this node, followed at the API server: what a pod asks for by annotations.

import { CniError, ErrorCode } from "#cni/error.ts";
import type { KubeClient } from "#kube/client.ts";
import type { Pod } from "#kube/kinds.ts";
import { hasReason } from "#kube/kube-error.ts";
import { Mirror } from "#kube/mirror.ts";
import type { Metadata } from "#kube/object.ts";
import type { Pace } from "#kube/reflect.ts";
import { pods } from "#kube/resource.ts";
import { addressesAnnotation, type PodModel, toPodModel } from "#model/pod.ts";
import { familyOf, parseIp } from "#net/ip.ts";
import type { AddressWish } from "./ipam/ipam.ts";
import type { PodName } from "./state/endpoint.ts";

/** A runtime waits, but not for long. */
const patienceMs = 5_000;

export class Pods implements Disposable {
  readonly #client: KubeClient;
  readonly #pace: Pace;
  readonly #mirror: Mirror<Pod>;

  /** `changed` is told of every pod that comes, changes or goes. */
  constructor(client: KubeClient, nodeName: string, pace: Pace, changed: (pod: Metadata) => void) {
    this.#client = client;
    this.#pace = pace;
    const selection = { fieldSelector: `spec.nodeName=${nodeName}` };
    this.#mirror = new Mirror<Pod>({
      ...{ client, resource: pods, selection, pace },
      changed: ({ before, after }) => {
        const pod = after ?? before;
        if (pod !== undefined) changed(pod.metadata);
      },
    });
  }

  /** As far as the API server has told. */
  modelOf({ namespace, name }: Pick<PodName, "namespace" | "name">): PodModel | undefined {
    const pod = this.#mirror.objects.get(`${namespace}/${name}`);
    return pod === undefined ? undefined : toPodModel(pod);
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

  async #find({ namespace, name, uid }: PodName): Promise<PodModel | undefined> {
    const known = this.#mirror.objects.get(`${namespace}/${name}`);
    if (known !== undefined && (uid === "" || known.metadata.uid === uid)) return toPodModel(known);
    // The runtime was faster than our watch.
    const end = new AbortController();
    const late = this.#pace.sleep(patienceMs, end.signal).then(() => {
      throw new Error(`it has not answered within ${patienceMs / 1000} s`);
    });
    late.catch(() => {});
    try {
      return toPodModel(await Promise.race([this.#client.get(pods, { namespace, name }), late]));
    } catch (error) {
      if (hasReason(error, "NotFound")) return undefined;
      const problem = error instanceof Error ? error.message : String(error);
      throw new CniError(ErrorCode.tryAgainLater, `Cannot ask the API server for pod ${namespace}/${name}: ${problem}`);
    } finally {
      end.abort();
    }
  }
}

/** @throws CniError 7 */
export function readWish({ namespace, name }: PodModel, text: string): AddressWish {
  const askedBy = `annotation ${addressesAnnotation} of pod ${namespace}/${name}`;
  const addresses = text.split(",").map((part) => {
    const address = parseIp(part.trim());
    if (address !== undefined) return address;
    throw new CniError(ErrorCode.invalidConfig, `${askedBy} must be addresses separated by commas, found "${text}"`);
  });
  if (new Set(addresses.map(familyOf)).size === addresses.length) return { addresses, askedBy };
  throw new CniError(
    ErrorCode.invalidConfig,
    `${askedBy} must name one address of each family at most, found "${text}"`,
  );
}
