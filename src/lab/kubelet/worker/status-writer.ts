// Telling the API the status of one pod: only what has changed, one request at a time, the newest word last.

import type { PodStatus } from "kubernetes-types/core/v1";
import type { KubeClient } from "#kube/client.ts";
import type { Pod } from "#kube/kinds.ts";
import { hasReason } from "#kube/kube-error.ts";
import { pods } from "#kube/resource.ts";

type Fields = { readonly [field: string]: unknown };

const retryMs = 1000;

export class StatusWriter {
  readonly #client: KubeClient;
  /** What the API has by now, as far as we wrote it or saw it. */
  #written: Fields = {};
  #wanted: Fields | undefined;
  #pod: Pod;
  #writing: Promise<void> | undefined;
  readonly #log: (line: string) => void;

  constructor(client: KubeClient, pod: Pod, log: (line: string) => void) {
    this.#client = client;
    this.#pod = pod;
    this.#log = log;
    this.#written = (pod.status ?? {}) as Fields;
  }

  /** The pod as the API has it now: what others have written too. */
  saw(pod: Pod): void {
    this.#pod = pod;
    if (this.#writing === undefined) this.#written = (pod.status ?? {}) as Fields;
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
      const patch = changes(this.#written, status);
      if (patch === undefined) continue;
      try {
        await this.#send(patch);
        this.#written = status;
      } catch (error) {
        if (hasReason(error, "NotFound", "Conflict")) break;
        this.#log(
          `Cannot write the status of pod ${this.#pod.metadata.name}: ${error instanceof Error ? error.message : error}`,
        );
        this.#wanted ??= status;
        await Bun.sleep(retryMs);
      }
    }
    this.#writing = undefined;
  }

  async #send(status: Fields): Promise<void> {
    const { namespace, name, uid } = this.#pod.metadata;
    // A pod of the same name that came after this one has another uid: the server refuses.
    const patch = { metadata: { uid }, status };
    await this.#client.patch(pods, { namespace, name, subresource: "status" }, "merge", patch);
  }
}

/** A merge patch of the fields that differ; undefined when none does. */
export function changes(before: Fields, after: Fields): Fields | undefined {
  const names = Object.keys(after).filter((name) => !Bun.deepEquals(before[name], after[name]));
  return names.length === 0 ? undefined : Object.fromEntries(names.map((name) => [name, after[name]]));
}
