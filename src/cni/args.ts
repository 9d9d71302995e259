// CNI_ARGS: "K=V;K2=V2", the deprecated way to hand a plugin extra values.

import { CniError, ErrorCode } from "./error.ts";

/** The values of the keys asked for; a key given twice has its last value, an empty one counts as not given. */
export type Args<Key extends string> = { readonly [K in Key]?: string };

const ignoreUnknownKey = "IgnoreUnknown";

/**
 * Reads CNI_ARGS. Keys are matched exactly. A key that is not `known` is an error unless `IgnoreUnknown=1` is among the pairs,
 * which Kubernetes' runtimes always send.
 * @throws CniError 4 naming the pair.
 */
export function parseArgs<const Key extends string>(cniArgs: string, known: readonly Key[]): Args<Key> {
  if (cniArgs === "") return {};
  const args: { [K in Key]?: string } = {};
  const unknown: string[] = [];
  let ignoreUnknown = false;
  for (const pair of cniArgs.split(";")) {
    const [name, value, ...more] = pair.split("=");
    if (name === undefined || value === undefined || more.length > 0) {
      throw invalid(`ARGS: invalid pair ${JSON.stringify(pair)}`, "each pair in CNI_ARGS has exactly one =");
    }
    const key = known.find((candidate) => candidate === name);
    if (name === ignoreUnknownKey) ignoreUnknown = parseBool(pair, value);
    else if (key === undefined) unknown.push(pair);
    else if (value === "") delete args[key];
    else args[key] = value;
  }
  if (unknown.length > 0 && !ignoreUnknown) {
    const pairs = unknown.map((pair) => JSON.stringify(pair)).join(" ");
    const taken = known.length === 0 ? "no keys" : known.join(", ");
    throw invalid(`ARGS: unknown args [${pairs}]`, `CNI_ARGS takes ${taken} here; IgnoreUnknown=1 lets others pass`);
  }
  return args;
}

function parseBool(pair: string, value: string): boolean {
  const word = value.toLowerCase();
  if (word === "1" || word === "true") return true;
  if (word === "0" || word === "false") return false;
  throw invalid(`ARGS: error parsing value of pair ${JSON.stringify(pair)}`, "it must be 1, true, 0 or false");
}

function invalid(message: string, details: string): CniError {
  return new CniError(ErrorCode.invalidEnvironment, message, { details });
}
