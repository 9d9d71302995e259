// Commands shown one after the other, each with what it prints, and how long each step took.

const project = new URL("../", import.meta.url).pathname;

/** Terminals that are narrower than this wrap lines; what is shown stays within. */
export const maxWidth = 98;

export type Step = { readonly what: string; readonly tookMs: number };

export type Paint = { readonly bold: (text: string) => string };

type Env = Readonly<Record<string, string>>;

/** Runs commands in the project's folder until `signal` aborts: then the running one is ended, and its step throws. */
export class Transcript {
  readonly steps: Step[] = [];
  readonly #paint: Paint;
  readonly #signal: AbortSignal;

  constructor(paint: Paint, signal: AbortSignal) {
    this.#paint = paint;
    this.#signal = signal;
  }

  /** Shows a command, and what it prints while it runs. @throws Error when it fails */
  async run(what: string, command: readonly string[], env: Env = {}): Promise<void> {
    this.#show(command);
    const { tookMs } = await this.#ended(command, env, "inherit");
    this.steps.push({ what, tookMs });
    console.log();
  }

  /** Shows a command, and what `told` makes of its output. @throws Error when it fails */
  async tell(what: string, command: readonly string[], told: (stdout: string) => string, env: Env = {}): Promise<void> {
    this.#show(command);
    const { stdout, tookMs } = await this.#ended(command, env, "pipe");
    this.steps.push({ what, tookMs });
    console.log(`${told(stdout).trimEnd()}\n`);
  }

  /** The output of a command that is not shown. @throws Error when it fails */
  async ask(command: readonly string[], env: Env = {}): Promise<string> {
    return (await this.#ended(command, env, "pipe")).stdout;
  }

  #show(command: readonly string[]): void {
    console.log(this.#paint.bold(`$ ${command.map(quoted).join(" ")}`));
  }

  async #ended(
    command: readonly string[],
    env: Env,
    stdout: "inherit" | "pipe",
  ): Promise<{ readonly stdout: string; readonly tookMs: number }> {
    this.#signal.throwIfAborted();
    const startedAt = performance.now();
    // Ctrl-C reaches only this process, which then ends the command by the signal.
    const surroundings = { cwd: project, env: { ...process.env, ...env }, detached: true, signal: this.#signal };
    const child = Bun.spawn([...command], { ...surroundings, stdin: "ignore", stdout, stderr: "inherit" });
    const text = child.stdout === undefined ? "" : await child.stdout.text();
    const exitCode = await child.exited;
    this.#signal.throwIfAborted();
    if (exitCode !== 0) throw new Error(`${command.map(quoted).join(" ")} failed with exit code ${exitCode}`);
    return { stdout: text, tookMs: performance.now() - startedAt };
  }
}

/** A line a step, with its time. */
export function formatSteps(steps: readonly Step[]): string {
  const width = Math.max(...steps.map(({ what }) => what.length));
  return steps.map(({ what, tookMs }) => `  ${what.padEnd(width)}  ${formatSeconds(tookMs)}`).join("\n");
}

/** Paints with ANSI colours where a terminal shows them. */
export function paintFor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): Paint {
  const colours = stream.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  const sgr = (code: number) => (text: string) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
  return { bold: sgr(1) };
}

/** `1.24 s` */
export function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

/** A table of kubectl's without its last columns as long as these say nothing: `-o wide` has two that rarely do. */
export function narrowTable(text: string): string {
  const lines = text.trimEnd().split("\n");
  const starts = [...(lines[0] ?? "").matchAll(/(?<=^| {2})\S/g)].map(({ index }) => index);
  let end = starts.length;
  while (end > 1 && lines.slice(1).every((line) => line.slice(starts[end - 1], starts[end]).trim() === "<none>")) end--;
  return lines.map((line) => line.slice(0, starts[end]).trimEnd()).join("\n");
}

/** Lines of at most `width`, broken behind a comma where there is one. */
export function wrapAtCommas(text: string, width: number): string {
  const lines: string[] = [];
  for (let rest = text.trimEnd(); rest !== ""; ) {
    const comma = rest.lastIndexOf(",", width - 1);
    const end = rest.length <= width ? rest.length : comma < 0 ? width : comma + 1;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return lines.join("\n");
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
