// `twill policy assert`: whether policies do what a file of expectations says.

import { readFileSync, statSync } from "node:fs";
import { messageOf } from "#base/error-message.ts";
import { parseYaml } from "#base/yaml.ts";
import { type CommandIo, UsageError } from "#cli/command.ts";
import { type About, aboutOf } from "#model/policy/about.ts";
import { isOnePod } from "#model/policy/party.ts";
import type { World } from "#model/policy/world.ts";
import { explainAll } from "./explain.ts";
import { progressOn } from "./progress.ts";
import { type Answer, askWorld } from "./question.ts";
import { type FileCall, readSource } from "./source.ts";

/** One line of a file of expectations; `place` is where it stands. */
type Expectation = { readonly from: string; readonly to: string; readonly allowed: boolean; readonly place: string };

/** 0 when all expectations hold. Each that does not is explained. */
export async function runAssert({ flags }: FileCall, io: CommandIo): Promise<number> {
  if (flags.file.length === 0) throw new UsageError("which expectations? -f FILE names them");
  const { world } = await readSource(flags, io);
  const expectations = flags.file.flatMap(readExpectations);
  const about = aboutOf(world.policies);
  const progress = progressOn(io.stderr, "expectations checked");
  const failures = expectations.flatMap((expectation, index) => {
    const { from, to, allowed } = expectation;
    progress(index, expectations.length);
    const wrong = ask(world, expectation, about).filter((answer) => answer.allowed !== allowed);
    return wrong.length === 0 ? [] : [{ from, to, allowed, text: explainAll(wrong) }];
  });
  if (flags.output === "json")
    io.stdout(`${JSON.stringify({ expectations: expectations.length, failures }, null, 2)}\n`);
  else {
    for (const { from, to, allowed, text } of failures) {
      const word = allowed ? "allowed" : "denied";
      io.stdout(`expected ${from} → ${to} to be ${word}, but\n${text.replaceAll(/^(?=.)/gm, "  ")}\n`);
    }
    io.stdout(`${expectations.length - failures.length} of ${expectations.length} expectations hold\n`);
  }
  return failures.length === 0 ? 0 : 1;
}

/** @throws UsageError with the place of the expectation */
function ask(world: World, { from, to, place }: Expectation, about: About): readonly Answer[] {
  try {
    return othersOf(askWorld(world, from, to, undefined, about));
  } catch (cause) {
    if (cause instanceof UsageError) throw new UsageError(`${place}: ${cause.message}`, { cause });
    throw cause;
  }
}

/** A workload that is to reach itself, or not: its pods each other, where it has several. */
function othersOf(answers: readonly Answer[]): readonly Answer[] {
  const others = answers.filter(({ from, destination }) => !isOnePod(from.party, destination?.party));
  return others.length === 0 ? answers : others;
}

/** A YAML list of `{from, to, allowed}`. @throws UsageError naming the file and the entry */
function readExpectations(file: string): readonly Expectation[] {
  const value = readYaml(file);
  if (!Array.isArray(value))
    throw new UsageError(`${file} is no list of expectations like {from: shop/a, to: shop/b:80, allowed: true}`);
  return value.map((entry: unknown, index) => {
    const place = `${file} entry ${index + 1}`;
    const { from, to, allowed } = (typeof entry === "object" && entry !== null ? entry : {}) as Record<string, unknown>;
    if (typeof from === "string" && typeof to === "string" && typeof allowed === "boolean")
      return { from, to, allowed, place };
    throw new UsageError(`${place} lacks from, to or allowed: ${JSON.stringify(entry)}`);
  });
}

function readYaml(file: string): unknown {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw new UsageError(`cannot read ${file}: there is no such file`);
  if (found.isDirectory()) throw new UsageError(`cannot read ${file}: it is a folder, and expectations are in a file`);
  try {
    return parseYaml(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new UsageError(`cannot read ${file}: ${messageOf(cause)}`, { cause });
  }
}
