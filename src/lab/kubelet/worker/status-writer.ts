// Telling the API the status of one pod: only what has changed, one request at a time, the newest word last.

import type { PodStatus } from "kubernetes-types/core/v1";
import { messageOf } from "#base/error-message.ts";
import type { KubeClient } from "#kube/client.ts";
import type { Pod } from "#kube/kinds.ts";
import { hasReason } from "#kube/kube-error.ts";
import { pods } from "#kube/resource.ts";

type Fields = { readonly [field: string]: unknown };

const retryMs = 1000;

export class StatusWriter {
  readonly #client: KubeClient;
  /** The newest that the API has, as far as we wrote it or saw it. */
  #pod: Pod;
  #sent: Fields | undefined;
  #wanted: Fields | undefined;
  #writing: Promise<void> | undefined;
  readonly #log: (line: string) => void;

  constructor(client: KubeClient, pod: Pod, log: (line: string) => void) {
    this.#client = client;
    this.#pod = pod;
    this.#log = log;
  }

  /**
   * The pod as the API will have it when all is written: what its next status goes on from. Watches tell of what was written a while
   * after it was; a status made from an older one would differ from the newest, and two of them would replace each other for ever.
   */
  get pod(): Pod {
    const status = this.#wanted ?? this.#sent;
    return status === undefined ? this.#pod : { ...this.#pod, status: status as PodStatus };
  }

  /** The pod as the API has or had it: what others have written too. */
  saw(pod: Pod): void {
    if (versionOf(pod) >= versionOf(this.#pod)) this.#pod = pod;
  }

  write(status: PodStatus): void {
    this.#wanted = status as Fields;
    this.#writing ??= this.#drain();
  }

  /** Resolves when the API has all that was written. */
  async flushed(): Promise<void> {
    await this.#writing;
  }

  async #drain(): Promise<void> {
    // What comes in the same turn goes in the same request.
    await Promise.resolve();
    for (let status = this.#wanted; status !== undefined; status = this.#wanted) {
      this.#wanted = undefined;
      this.#sent = status;
      const patch = changes((this.#pod.status ?? {}) as Fields, status);
      if (patch === undefined) continue;
      try {
        this.saw(await this.#send(patch));
      } catch (error) {
        if (hasReason(error, "NotFound", "Conflict")) break;
        this.#log(`Cannot write the status of pod ${this.#pod.metadata.name}: ${messageOf(error)}`);
        this.#wanted ??= status;
        await Bun.sleep(retryMs);
      }
    }
    this.#sent = undefined;
    this.#writing = undefined;
  }

  async #send(status: Fields): Promise<Pod> {
    const { namespace, name, uid } = this.#pod.metadata;
    // A pod of the same name that came after this one has another uid: the server refuses.
    const patch = { metadata: { uid }, status };
    return await this.#client.patch(pods, { namespace, name, subresource: "status" }, "merge", patch);
  }
}

/** Versions of one object are ordered. */
function versionOf({ metadata }: Pod): number {
  return Number(metadata.resourceVersion ?? 0);
}

/** A merge patch of the fields that differ; undefined when none does. */
export function changes(before: Fields, after: Fields): Fields | undefined {
  const names = Object.keys(after).filter((name) => !Bun.deepEquals(before[name], after[name]));
  return names.length === 0 ? undefined : Object.fromEntries(names.map((name) => [name, after[name]]));
}
