// Keys that an object inside a JSON text has twice: JSON.parse keeps the last and tells nobody.

import type { Json } from "#cni/json.ts";

const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/**
 * Keys that occur more than once in any object that `wanted` picks by the path of keys to it; `text` is valid JSON.
 * List members have the path of their list.
 */
export function duplicateKeys(text: string, wanted: (path: readonly string[]) => boolean): readonly string[] {
  const duplicates: string[] = [];
  const open: { readonly keys: Set<string> | undefined; readonly step: string | undefined }[] = [];
  let key: string | undefined;
  let last: string | undefined;
  for (const [found] of text.matchAll(token)) {
    const here = open.at(-1);
    if (found === "{" || found === "[") {
      open.push({ keys: found === "{" ? new Set() : undefined, step: key });
      key = undefined;
    } else if (found === "}" || found === "]") {
      open.pop();
    } else if (found === ",") {
      key = undefined;
    } else if (found !== ":") {
      last = found;
    } else if (here?.keys !== undefined && last !== undefined) {
      key = String(JSON.parse(last) as Json);
      const path = open.flatMap(({ step }) => (step === undefined ? [] : [step]));
      if (here.keys.has(key) && wanted(path)) duplicates.push(key);
      here.keys.add(key);
    }
  }
  return duplicates;
}
