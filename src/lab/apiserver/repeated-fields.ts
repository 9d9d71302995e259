// Fields that a JSON text has twice. Once it is decoded only the last of them is left, so the text itself is read.

import { fieldPath, itemPath } from "./schema/path.ts";

/** An object or a list that is open at the place of reading. */
type Frame = {
  /** Names that were there; undefined in a list. */
  readonly names: Set<string> | undefined;
  /** The name or index of what is being read inside. */
  at: string | number;
};

/** As many as Kubernetes tells of at most (sigs.k8s.io/json). */
const maxTold = 100;

/** Paths such as `spec.replicas`, each once, of a text that `JSON.parse` has taken. */
export function repeatedFields(json: string): readonly string[] {
  const found = new Set<string>();
  const frames: Frame[] = [];
  let expectsName = false;
  for (let i = 0; i < json.length && found.size < maxTold; i++) {
    const frame = frames.at(-1);
    switch (json[i]) {
      case "{":
        frames.push({ names: new Set(), at: "" });
        expectsName = true;
        break;
      case "[":
        frames.push({ names: undefined, at: 0 });
        expectsName = false;
        break;
      case "}":
      case "]":
        frames.pop();
        expectsName = false;
        break;
      case ",":
        expectsName = frame?.names !== undefined;
        if (typeof frame?.at === "number") frame.at++;
        break;
      case '"': {
        const end = endOfText(json, i);
        if (expectsName && frame?.names !== undefined) {
          frame.at = textOf(json.slice(i, end + 1));
          if (frame.names.has(frame.at)) found.add(pathOf(frames));
          frame.names.add(frame.at);
          expectsName = false;
        }
        i = end;
        break;
      }
    }
  }
  return [...found];
}

/** Where the closing quote is. */
function endOfText(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end >= 0; end = json.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (json[end - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return json.length;
}

function textOf(quoted: string): string {
  return quoted.includes("\\") ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
}

function pathOf(frames: readonly Frame[]): string {
  return frames.reduce((path, { at }) => (typeof at === "number" ? itemPath(path, at) : fieldPath(path, at)), "");
}
