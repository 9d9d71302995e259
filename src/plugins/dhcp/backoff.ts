// How long a DHCP client waits before it asks again (RFC 2131, section 4.1).

export type Timing = {
  /** The longest wait for one answer. */
  readonly answerMs: number;
  /** The longest wait between two tries. */
  readonly resendMaxMs: number;
  /** After which a new lease is given up. */
  readonly totalMs: number;
};

/** The reference daemon's defaults. */
export const defaultTiming: Timing = { answerMs: 10_000, resendMaxMs: 62_000, totalMs: 208_000 };

/** RFC 2131 begins at 4 s, for networks of its day. A pod waits: a lost first packet costs half a second here. */
const firstMs = 500;
const jitter = 0.2;

/** Waits that double from half a second up to `limitMs`, each a fifth longer or shorter at random; never ends. */
export function* backoff(limitMs: number, random: (bytes: Uint8Array) => Uint8Array): Generator<number, never> {
  for (let base = Math.min(firstMs, limitMs); ; base = Math.min(base * 2, limitMs)) {
    yield base * (1 + jitter * (2 * fraction(random) - 1));
  }
}

/** From 0 to 1, without 1. */
export function fraction(random: (bytes: Uint8Array) => Uint8Array): number {
  return new DataView(random(new Uint8Array(4)).buffer).getUint32(0) / 0x1_0000_0000;
}
