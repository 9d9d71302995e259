// A port of the machine on which the agent answers questions about health, as soon as nobody else has it.

import { messageOf } from "#base/error-message.ts";

export type HealthPortOptions = {
  readonly port: number;
  /** What is missing while nobody listens: `Service shop/web: nobody answers on its health-check port`. */
  readonly lack: string;
  readonly answer: (request: Request) => Response;
  readonly log: (line: string) => void;
};

/** Another one may have the port for a while, such as kube-proxy on a node that is being switched over: `ensure` tries again. */
export class HealthPort implements Disposable {
  readonly #options: HealthPortOptions;
  #server: ReturnType<typeof Bun.serve> | undefined;
  #problem: string | undefined;

  constructor(options: HealthPortOptions) {
    this.#options = options;
    this.ensure();
  }

  get port(): number {
    return this.#options.port;
  }

  /** Why nobody listens; undefined: somebody does. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Listens, unless it does. */
  ensure(): void {
    if (this.#server !== undefined) return;
    const { port, lack, answer, log } = this.#options;
    try {
      this.#server = Bun.serve({ port, fetch: answer });
      if (this.#problem !== undefined) log(`services: port ${port} is free now, and answers`);
      this.#problem = undefined;
    } catch (error) {
      const problem = `${lack} ${port}: ${messageOf(error)}`;
      if (problem !== this.#problem) log(`services: ${problem}`);
      this.#problem = problem;
    }
  }

  [Symbol.dispose](): void {
    void this.#server?.stop(true);
    this.#server = undefined;
  }
}
