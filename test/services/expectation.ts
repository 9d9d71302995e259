// What an ask of a table means: the question for whoever asks (asker.py), and what is wrong with the answers to it.

import type { Answer } from "./asker.ts";
import type { Details } from "./row.ts";

/** An ask in which nothing is left to be filled in. */
export type Expectation = {
  readonly to: string;
  readonly answer: string;
  readonly details: Details;
  /** The addresses that a pod may see; undefined: any. */
  readonly clients: readonly string[] | undefined;
};

/** What is refused, and what answers, comes at once; on a busy machine later. */
const answerSeconds = 5;
const silentSeconds = 0.3;
/** How asking fails. */
const failures: ReadonlySet<string> = new Set(["refused", "silent", "unreachable", "unknown", "reset", "disconnected"]);
/** So many connections find each of a few endpoints. */
const maxTries = 80;
/** So many find another one where the first does not stay. */
const sameTries = 12;
const oneOf = "one of ";

/** For `Asker.ask`. */
export function questionOf({ to, answer, details: { path = "/", size = 6, says } }: Expectation): object {
  const [verb = "", host = "", ...rest] = to.split(" ");
  const timeout = answer === "silent" ? silentSeconds : answerSeconds;
  if (verb === "resolve") return { do: verb, host };
  if (verb === "say") return { do: verb, name: host, timeout };
  if (verb === "keep") return { do: verb, name: host, host: rest[0], port: Number(rest[1]) };
  const shared = { do: "ask", protocol: verb, host, port: Number(rest[0]), path, size, timeout };
  if (failures.has(answer) || says !== undefined) return { ...shared, least: 1, most: 1, distinct: 1 };
  if (answer.startsWith(oneOf)) return { ...shared, least: sameTries, most: sameTries, distinct: 1 };
  const distinct = answer.split(" ").length;
  // Some more, of which none may be anybody else's.
  return { ...shared, least: 2 * distinct + 2, most: maxTries, distinct };
}

/** Undefined when all answers are as expected. */
export function problemOf(
  { answer, details: { status = 200, says, name }, clients }: Expectation,
  found: readonly Answer[],
): string | undefined {
  const wrong = `${answer} expected, not ${show(found)}`;
  const errors = new Set(found.map(({ error }) => error));
  if (failures.has(answer)) return errors.size === 1 && errors.has(answer) ? undefined : wrong;
  if (found.some(({ error }) => error !== undefined)) return wrong;
  const [first] = found;
  // A socket that is kept has not been answered yet.
  if (first === undefined) return answer === "" ? undefined : wrong;
  if (first.addresses !== undefined) {
    const isName = name === undefined || name === first.name;
    return isName && Bun.deepEquals(first.addresses, answer.split(" ").sort()) ? undefined : `${wrong} ${first.name}`;
  }
  if (says !== undefined) {
    return first.status === status && contains(first, says) ? undefined : `${status} ${JSON.stringify(says)}: ${wrong}`;
  }
  if (clients !== undefined && !found.every(({ client = "" }) => clients.includes(client)))
    return `client ${clients.join(" or ")} expected, not ${show(found)}`;
  const who = new Set(found.map(({ pod = "" }) => pod));
  const isSame = answer.startsWith(oneOf);
  const names = new Set((isSame ? answer.slice(oneOf.length) : answer).split(" "));
  return (isSame ? who.size === 1 && who.isSubsetOf(names) : who.symmetricDifference(names).size === 0)
    ? undefined
    : wrong;
}

function show(found: readonly Answer[]): string {
  const texts = found.map(({ pod, client, error, addresses, status }) =>
    pod === undefined ? String(error ?? addresses ?? status) : `${pod} that sees ${client}`,
  );
  return [...new Set(texts)].join(", ") || "nothing";
}

function contains(whole: object, part: object): boolean {
  const fields = new Map<string, unknown>(Object.entries(whole));
  return Object.entries(part).every(([key, value]) => Bun.deepEquals(fields.get(key), value));
}
