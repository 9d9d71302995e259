// Runs one command of the battery in its namespace, and another one meanwhile.

import type { Kubectl } from "../kubectl.ts";
import { commandOf, differences, expectedOf, type Result, type Row, wordsOf } from "./row.ts";

/** How long a command waits before the one that runs meanwhile. */
const meanwhileMs = 400;
/** How long controllers may take, and how often they are looked at. */
const patienceMs = 20_000;
const againMs = 200;

/** Throws when the command that runs meanwhile fails. */
export async function runRow(kubectl: Kubectl, namespace: string, row: Row): Promise<Result> {
  const { input, env, meanwhile, eventually } = row;
  const words = inNamespace(commandOf(row, kubectl.minor), namespace);
  const first = kubectl.run(words, { input, env });
  if (meanwhile !== undefined) {
    await Bun.sleep(meanwhileMs);
    const { exitCode, stderr } = await kubectl.run(inNamespace(meanwhile, namespace));
    if (exitCode !== 0) throw new Error(`${meanwhile} ended with ${exitCode}: ${stderr}`);
  }
  const expected = expectedOf(row, kubectl.minor);
  const end = Date.now() + patienceMs;
  let last = await first;
  while (eventually === true && Date.now() < end && differences(expected, last).length > 0) {
    await Bun.sleep(againMs);
    last = await kubectl.run(words, { input, env });
  }
  return last;
}

/** The words of a command; what follows "--" is no business of kubectl's. */
function inNamespace(command: string, namespace: string): readonly string[] {
  const words = wordsOf(command);
  const end = words.indexOf("--");
  const own = end < 0 ? words : words.slice(0, end);
  const chosen = own.some((word) => ["-n", "-A", "--raw"].includes(word));
  return [...own, ...(chosen ? [] : ["--namespace", namespace]), ...words.slice(own.length)];
}
