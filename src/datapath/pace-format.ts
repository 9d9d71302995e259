// How fast pods may send, as the map of bpf/pace.h holds it.

import { mapFormat } from "#bpf/map.ts";
import { u32, u64 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";

/** By the host's end of a pod's link. */
export const pacesFormat = mapFormat({
  name: "paces",
  key: u32,
  keySize: 4,
  value: struct({ rateBytes: u64, burstNs: u64, nextNs: u64 }),
  valueSize: 24,
});

/** What the map holds of a limit; the programs write on from there. */
export function toPace({ rateBytes, burstBytes }: { readonly rateBytes: number; readonly burstBytes: number }) {
  const [rate, burst] = [BigInt(rateBytes), BigInt(burstBytes)];
  return { rateBytes: rate, burstNs: (burst * 1_000_000_000n) / rate, nextNs: 0n };
}
