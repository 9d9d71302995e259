// `twill policy assert`: whether policies do what a file of expectations says.

import { readFileSync } from "node:fs";
import { type CommandIo, UsageError } from "#cli/command.ts";
import { askWorld, explainAnswer } from "./question.ts";
import { type FileCall, readSource } from "./source.ts";

/** One line of a file of expectations. */
type Expectation = { readonly from: string; readonly to: string; readonly allowed: boolean };

/** 0 when all expectations hold. Each that does not is explained. */
export async function runAssert({ flags }: FileCall, io: CommandIo): Promise<number> {
  if (flags.file.length === 0) throw new UsageError("which expectations? -f FILE names them");
  const { world } = await readSource(flags, io);
  const expectations = flags.file.flatMap(readExpectations);
  const failures = expectations.flatMap(({ from, to, allowed }) => {
    const wrong = askWorld(world, from, to, undefined).filter((answer) => answer.allowed !== allowed);
    return wrong.map((answer) => ({ from, to, allowed, text: explainAnswer(answer) }));
  });
  const failed = new Set(failures.map(({ from, to }) => `${from} ${to}`)).size;
  if (flags.output === "json")
    io.stdout(`${JSON.stringify({ expectations: expectations.length, failures }, null, 2)}\n`);
  else {
    for (const { from, to, allowed, text } of failures) {
      const word = allowed ? "allowed" : "denied";
      io.stdout(`expected ${from} → ${to} to be ${word}, but\n${text.replaceAll(/^(?=.)/gm, "  ")}\n`);
    }
    io.stdout(`${expectations.length - failed} of ${expectations.length} expectations hold\n`);
  }
  return failures.length === 0 ? 0 : 1;
}

/** A YAML list of `{from, to, allowed}`. @throws UsageError naming the file and the entry */
function readExpectations(file: string): readonly Expectation[] {
  const value = parseYaml(file);
  if (!Array.isArray(value))
    throw new UsageError(`${file} is no list of expectations like {from: shop/a, to: shop/b:80, allowed: true}`);
  return value.map((entry: unknown, index) => {
    const { from, to, allowed } = (typeof entry === "object" && entry !== null ? entry : {}) as Record<string, unknown>;
    if (typeof from === "string" && typeof to === "string" && typeof allowed === "boolean")
      return { from, to, allowed };
    throw new UsageError(`${file} entry ${index + 1} lacks from, to or allowed: ${JSON.stringify(entry)}`);
  });
}

function parseYaml(file: string): unknown {
  try {
    return Bun.YAML.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new UsageError(`cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
