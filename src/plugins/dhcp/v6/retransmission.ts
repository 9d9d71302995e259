// How long a DHCPv6 client waits before it asks again (RFC 8415, sections 7.6 and 15).

import { fraction } from "#plugins/dhcp/backoff.ts";

export type Retransmission = {
  /** IRT */
  readonly initialMs: number;
  /** MRT */
  readonly maxMs: number;
  /** MRC; undefined: until the caller's time is over. */
  readonly maxCount?: number;
  /** "The first RT MUST be selected to be strictly greater than IRT" (section 18.2.1). */
  readonly firstIsLonger?: boolean;
};

export const solicitTiming: Retransmission = { initialMs: 1_000, maxMs: 3_600_000, firstIsLonger: true };
export const requestTiming: Retransmission = { initialMs: 1_000, maxMs: 30_000, maxCount: 10 };
export const renewTiming: Retransmission = { initialMs: 10_000, maxMs: 600_000 };
export const rebindTiming: Retransmission = { initialMs: 10_000, maxMs: 600_000 };

const spread = 0.1;

/** Waits between one transmission and the next: each about twice the one before, a tenth longer or shorter at random. */
export function* retransmissions(
  { initialMs, maxMs, maxCount = Number.POSITIVE_INFINITY, firstIsLonger = false }: Retransmission,
  random: (bytes: Uint8Array) => Uint8Array,
): Generator<number, void> {
  const rand = () => spread * (2 * fraction(random) - 1);
  let waitMs = initialMs * (1 + (firstIsLonger ? spread * (1 - fraction(random)) : rand()));
  for (let count = 0; count < maxCount; count++) {
    if (waitMs > maxMs) waitMs = maxMs * (1 + rand());
    yield waitMs;
    waitMs = waitMs * (2 + rand());
  }
}
