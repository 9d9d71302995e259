// Commands shown one after the other, each with what it prints, and how long each step took.

const project = new URL("../", import.meta.url).pathname;

/** Terminals that are narrower than this wrap lines; what is shown stays within. */
export const maxWidth = 98;

const patienceMs = 30_000;
const pollMs = 50;

/** A command to be shown. */
export type ShownCommand = {
  /** What it does, for the list of steps. */
  readonly what: string;
  readonly command: readonly string[];
  readonly env?: Env;
  /** What is shown of its output; all of it as it comes, unless given. */
  readonly told?: (stdout: string) => string;
  /** Its exit code when it does what it shall; 0 unless given. */
  readonly exits?: number;
  /** Whether what it has begun is done, which the next command needs: asked for until it is. */
  readonly isDone?: (show: Transcript) => Promise<boolean>;
};

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

  /** Shows a command with what it prints. @throws Error when it fails */
  async run(shown: ShownCommand): Promise<void> {
    const { what, command, told } = shown;
    console.log(this.#paint.bold(`$ ${command.map(quoted).join(" ")}`));
    const { stdout, tookMs } = await this.#ended(shown, told === undefined ? "inherit" : "pipe");
    this.steps.push({ what, tookMs });
    if (shown.isDone !== undefined) await this.#awaitDone(what, shown.isDone);
    console.log(told === undefined ? "" : `${told(stdout).trimEnd()}\n`);
  }

  async #awaitDone(what: string, isDone: (show: Transcript) => Promise<boolean>): Promise<void> {
    for (const end = performance.now() + patienceMs; !(await isDone(this)); await Bun.sleep(pollMs)) {
      if (performance.now() > end) throw new Error(`"${what}" is not done after ${patienceMs / 1000} s`);
    }
  }

  /** The output of a command that is not shown. @throws Error when it fails */
  async ask(command: readonly string[], env: Env = {}): Promise<string> {
    return (await this.#ended({ command, env }, "pipe")).stdout;
  }

  async #ended(
    { command, env = {}, exits = 0 }: Omit<ShownCommand, "what">,
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
    if (exitCode !== exits) throw new Error(`${command.map(quoted).join(" ")} failed with exit code ${exitCode}`);
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

/** Lines of at most `width`, broken behind a comma or a space where there is one; what goes on is indented as the line is. */
export function wrapLines(text: string, width: number): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => wrapLine(line, width))
    .join("\n");
}

function wrapLine(line: string, width: number): string {
  const indent = /^ */.exec(line)?.[0] ?? "";
  const lines: string[] = [];
  for (let rest = line.trim(); rest !== "" || lines.length === 0; ) {
    const room = width - indent.length;
    const gap = Math.max(rest.lastIndexOf(",", room - 1), rest.lastIndexOf(" ", room - 1));
    const end = rest.length <= room ? rest.length : gap < 0 ? room : gap + 1;
    lines.push(indent + rest.slice(0, end).trimEnd());
    rest = rest.slice(end).trimStart();
  }
  return lines.join("\n");
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
