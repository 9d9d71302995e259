// The arithmetic of traffic shaping: rates on the wire, and bursts as time (linux/pkt_sched.h, struct tc_ratespec).

import { padding, u8, u16, u32 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";

/**
 * struct tc_ratespec. The cell fields describe rate tables, which the kernel computes by itself since 3.8 when the link
 * layer is named.
 */
export const rateSpec = struct({
  cellLog: u8,
  linkLayer: u8,
  overhead: u16,
  cellAlign: u16,
  minPacketBytes: u16,
  rate: u32,
});

/** struct tc_ratespec for no rate at all. */
export const noRate = padding(12);

/** TC_LINKLAYER_ETHERNET */
const ethernet = 1;
/** PSCHED_SHIFT: one tick of the packet scheduler's clock is 64 ns; /proc/net/psched says so in its first two numbers. */
const tickNs = 64n;
const secondNs = 1_000_000_000n;
const maxU32 = 0xffffffff;

/** Rates from 4 GiB/s on do not fit the struct: the attribute `rate64` then tells them. */
export function toRateSpec(rateBytes: number): {
  readonly spec: ReturnType<typeof rateSpec.decode>;
  readonly rate64: bigint | undefined;
} {
  if (!Number.isSafeInteger(rateBytes) || rateBytes < 1) {
    throw new RangeError(`A rate of ${rateBytes} bytes a second cannot be shaped: it must be a whole number from 1`);
  }
  const spec = { cellLog: 0, linkLayer: ethernet, overhead: 0, cellAlign: 0, minPacketBytes: 0 };
  return {
    spec: { ...spec, rate: Math.min(rateBytes, maxU32) },
    rate64: rateBytes >= maxU32 ? BigInt(rateBytes) : undefined,
  };
}

/** Bytes a second: the 64-bit number where the kernel sends one, for 32 bits end at 34 Gbit/s. */
export function fromRateSpec(rate: number, rate64: bigint | undefined): number {
  return rate64 === undefined ? rate : Number(rate64);
}

/** The time that `bytes` take at a rate, in ticks; cut to what fits the field, 275 s. */
export function ticksOf(rateBytes: number, bytes: number): number {
  return Math.min(exactTicks(rateBytes, bytes), maxU32);
}

/** What foreign tools, which count in microseconds, lose of a burst. */
const toleranceTicks = 16;
/** The kernel divides by a multiplication with 32 bits. */
const relativeTolerance = 2 ** -30;

/**
 * Whether two bursts at a rate are the same time but for rounding. Bursts of more than 275 s are told apart only by
 * what the kernel tells of them: their ticks without the upper bits.
 */
export function sameBurst(rateBytes: number, a: number, b: number): boolean {
  const [x, y] = [exactTicks(rateBytes, a), exactTicks(rateBytes, b)];
  const apart = Math.abs(x - y) % 2 ** 32;
  const oneByte = exactTicks(rateBytes, 1);
  return Math.min(apart, 2 ** 32 - apart) <= toleranceTicks + oneByte + Math.max(x, y) * relativeTolerance;
}

function exactTicks(rateBytes: number, bytes: number): number {
  return Number((BigInt(bytes) * secondNs) / BigInt(rateBytes) / tickNs);
}

/** What passes within `ticks` at a rate, rounded: bytes to ticks and back is exact below 15 MB/s. */
export function bytesOf(rateBytes: number, ticks: number): number {
  const time = BigInt(ticks) * tickNs * BigInt(rateBytes);
  return Number((time + secondNs - 1n) / secondNs);
}
