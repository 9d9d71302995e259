// How far something is that takes longer than a moment, on standard error.

import { steadyNow } from "#cli/steady-clock.ts";
import type { Progress } from "#model/policy/matrix.ts";

/** What takes less is not spoken of. */
const everyMs = 1_000;

/** Writes `1200 of 3000 rows filled` once a second, after the first one. */
export function progressOn(write: (text: string) => void, what: string, now: () => number = steadyNow): Progress {
  let nextMs = now() + everyMs;
  return (done, of) => {
    if (now() < nextMs) return;
    nextMs = now() + everyMs;
    write(`${done} of ${of} ${what}\n`);
  };
}
