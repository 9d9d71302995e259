// One command of the battery: what is run, how it ends, and what it prints, with the differences of older kubectls.

/** A text that must be there, or a pattern that must match. */
export type Said = string | RegExp | readonly (string | RegExp)[];

export type Outcome = {
  /** Of the exit; 0 unless told. */
  readonly code?: number;
  /** In what was printed, to either stream. */
  readonly says?: Said;
  /** Exactly what stdout is, but for space around it. */
  readonly prints?: string;
};

export type Row = Outcome & {
  /** Words as a shell reads them: quotes keep spaces together. */
  readonly run: string;
  /** For its standard input. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What controllers do takes a moment: the command runs again until it ends as it should. */
  readonly eventually?: true;
  /** Another command that runs while this one waits. */
  readonly meanwhile?: string;
  /** Older kubectls, those below the minor version `before`, end otherwise, or spell the command as `run` says. */
  readonly old?: Outcome & { readonly before: number; readonly why: string; readonly run?: string };
};

/** Rows that follow each other, in a namespace of their own. Groups run beside each other. */
export type Group = { readonly name: string; readonly rows: readonly Row[] };

export function row(run: string, says: Said, rest: Omit<Row, "run" | "says"> = {}): Row {
  return { run, says, ...rest };
}

/** A command that ends with 1 and says why. */
export function fails(run: string, says: Said, rest: Omit<Row, "run" | "says"> = {}): Row {
  return { run, says, code: 1, ...rest };
}

/** A command that prints exactly this. */
export function prints(run: string, text: string, rest: Omit<Row, "run" | "prints"> = {}): Row {
  return { run, prints: text, ...rest };
}

/** The row's `old`, for what an older kubectl does not know: it ends with 1 and says so. */
export function unknownBefore(before: number, says: Said, why: string): Pick<Row, "old"> {
  return { old: { before, code: 1, says, why } };
}

export function commandOf({ run, old }: Row, minor: number): string {
  return old?.run !== undefined && minor < old.before ? old.run : run;
}

/** What a test of the row is called. */
export function titleOf(row: Row, minor: number): string {
  const { code = 0 } = expectedOf(row, minor);
  return `${commandOf(row, minor)} ${code === 0 ? "works" : `ends with ${code}`}`;
}

export function expectedOf({ code, says, prints: text, old }: Row, minor: number): Outcome {
  if (old !== undefined && minor < old.before) return old;
  return {
    ...(code === undefined ? {} : { code }),
    ...(says === undefined ? {} : { says }),
    ...(text === undefined ? {} : { prints: text }),
  };
}

export type Result = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** How a result differs from what is expected, a sentence each. */
export function differences({ code = 0, says, prints: text }: Outcome, { exitCode, stdout, stderr }: Result) {
  return [
    ...(exitCode === code ? [] : [`ends with ${exitCode}, not ${code}`]),
    ...unsaid(`${stdout}${stderr}`, says).map((part) => `does not say ${part}`),
    ...(text === undefined || stdout.trim() === text
      ? []
      : [`prints ${JSON.stringify(stdout.trim())}, not this alone`]),
  ];
}

/** What of `said` is not in the output. */
function unsaid(output: string, said: Said = []): readonly string[] {
  const all = typeof said === "string" || said instanceof RegExp ? [said] : said;
  return all.filter((part) => !(typeof part === "string" ? output.includes(part) : part.test(output))).map(String);
}

/** The words of a command: single quotes keep everything, and go away. */
export function wordsOf(command: string): readonly string[] {
  return [...command.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ""));
}
