// What is followed at the API server, and why it is not while it is not: what was known of it holds meanwhile.

import { messageOf } from "#base/error-message.ts";
import type { MirrorOptions } from "#kube/mirror.ts";

type Told = Required<Pick<MirrorOptions<never, never>, "failed" | "followed">>;

export class Following {
  readonly #log: (line: string) => void;
  /** By what is followed. */
  readonly #problems = new Map<string, string>();

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** For a mirror of `what`, which is unique: `services`. */
  of(what: string): Told {
    return {
      failed: (error) => {
        const problem = `cannot follow the ${what}: ${messageOf(error)}`;
        if (problem !== this.#problems.get(what)) this.#log(problem);
        this.#problems.set(what, problem);
      },
      followed: () => {
        if (this.#problems.delete(what)) this.#log(`follows the ${what} again`);
      },
    };
  }

  /** A sentence each; none while all is followed. */
  get problems(): readonly string[] {
    return [...this.#problems.values()];
  }
}
