// Events of one pod, in the words that kubectl's users know.

import type { Container } from "kubernetes-types/core/v1";
import type { EventNote, EventRecorder } from "#kube/event-recorder.ts";
import type { Pod } from "#kube/kinds.ts";
import type { Program } from "#lab/kubelet/pod/program.ts";

const players: Readonly<Record<Program["kind"], string>> = {
  command: "the node's own programs play",
  twill: "Twill plays",
  standin: "the stand-in plays",
};

export class PodNotes {
  readonly #events: EventRecorder;
  readonly #pod: () => Pod;

  constructor(events: EventRecorder, pod: () => Pod) {
    this.#events = events;
    this.#pod = pod;
  }

  normal(reason: string, message: string, container?: Container): void {
    this.#note("Normal", reason, message, container);
  }

  warn(reason: string, message: string, container?: Container): void {
    this.#note("Warning", reason, message, container);
  }

  /** Says too what plays the image: the lab pulls none. */
  started(container: Container, kind: Program["kind"]): void {
    this.normal("Pulled", `Image "${container.image ?? ""}" is not pulled: ${players[kind]} it`, container);
    this.normal("Started", `Started container ${container.name}`, container);
  }

  killing(container: Container, why?: string): void {
    const more = why === undefined ? "" : `: ${why}`;
    this.normal("Killing", `Stopping container ${container.name}${more}`, container);
  }

  #note(type: EventNote["type"], reason: string, message: string, container: Container | undefined): void {
    const { namespace, name, uid } = this.#pod().metadata;
    const fieldPath = container === undefined ? undefined : `spec.containers{${container.name}}`;
    this.#events.note({
      object: { apiVersion: "v1", kind: "Pod", namespace, name, uid, fieldPath },
      type,
      reason,
      message,
    });
  }
}
