// A process beside a pod, in a node or at the client that asks services, one question after the other (asker.py).

import type { Target } from "#lab/world/pod-target.ts";
import { podTool } from "#test/lab.ts";

const script = new URL("asker.py", import.meta.url).pathname;

export type Answer = {
  readonly pod?: string;
  readonly client?: string;
  readonly status?: number;
  readonly addresses?: readonly string[];
  readonly name?: string;
  readonly error?: string;
  readonly in?: number;
  readonly out?: number;
};

export class Asker implements Disposable {
  readonly #child;
  readonly #lines: AsyncIterator<string>;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ pid, cgroup }: Target) {
    const words = ["exec", "--pid", String(pid), "--cgroup", cgroup, "--", "/usr/bin/python3", "-S", script];
    this.#child = Bun.spawn([podTool, ...words], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    this.#lines = linesOf(this.#child.stdout);
  }

  ask(question: object): Promise<readonly Answer[]> {
    const answer = this.#last.then(async () => {
      this.#child.stdin.write(`${JSON.stringify(question)}\n`);
      this.#child.stdin.flush();
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error(`Whoever asks has ended with ${await this.#child.exited}`);
      return JSON.parse(value) as readonly Answer[];
    });
    this.#last = answer.catch(() => {});
    return answer;
  }

  [Symbol.dispose](): void {
    this.#child.stdin.end();
    this.#child.kill();
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
