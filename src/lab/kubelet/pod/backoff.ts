// How long a container that ends again and again waits for its next start.

/** Kubernetes' own: the first restart at once, then 10 s, doubling up to 5 min; a run of twice that length starts anew. */
const backoffLimits = { firstMs: 10_000, lastMs: 300_000, forgetMs: 600_000 } as const;

/** `delayMs` is what the next start waits after the end of the last run. */
export type Backoff = { readonly delayMs: number };

export const noBackoff: Backoff = { delayMs: 0 };

/** After a run of `ranMs` has ended and its restart was begun. */
export function afterRestart({ delayMs }: Backoff, ranMs: number): Backoff {
  if (delayMs === 0 || ranMs >= backoffLimits.forgetMs) return { delayMs: backoffLimits.firstMs };
  return { delayMs: Math.min(2 * delayMs, backoffLimits.lastMs) };
}

/** Milliseconds until a container that ended then may start; 0 when it may. */
export function waitMs({ delayMs }: Backoff, finishedMs: number, nowMs: number): number {
  return Math.max(0, finishedMs + delayMs - nowMs);
}
