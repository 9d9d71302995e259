// The clock that nobody sets: what programs of eBPF see as the time (bpf_ktime_get_ns).

import { checked, libc } from "./libc.ts";

/** clock_gettime(2) */
const clockMonotonic = 1;

/** Whole seconds since the machine was started, without those that it slept. @throws KernelError */
export function monotonicSeconds(): number {
  const time = new BigInt64Array(new ArrayBuffer(16));
  checked(libc.clock_gettime(clockMonotonic, time), () => "Cannot read the monotonic clock");
  return Number(time[0]);
}
