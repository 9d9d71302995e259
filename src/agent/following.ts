// What is followed at the API server, and why it is not while it is not: what was known of it holds meanwhile.

import { messageOf } from "#base/error-message.ts";
import type { MirrorOptions } from "#kube/mirror.ts";

type Told = Required<Pick<MirrorOptions<never, never>, "failed" | "followed">>;

export class Following {
  readonly #log: (line: string) => void;
  /** By what is followed: why it is not. */
  readonly #causes = new Map<string, string>();

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** For a mirror of `what`, which is unique: `services`. */
  of(what: string): Told {
    return {
      failed: (error) => {
        const why = messageOf(error);
        if (why !== this.#causes.get(what)) this.#log(sentence([what], why));
        this.#causes.set(what, why);
      },
      followed: () => {
        if (this.#causes.delete(what)) this.#log(`follows the ${what} again`);
      },
    };
  }

  /** A sentence for each cause; none while all is followed. */
  get problems(): readonly string[] {
    const whats = Map.groupBy(this.#causes.keys(), (what) => this.#causes.get(what) ?? "");
    return [...whats].map(([why, all]) => sentence(all, why));
  }
}

function sentence(whats: readonly string[], why: string): string {
  return `Cannot follow the ${whats.join(", ")}: ${why}`;
}
