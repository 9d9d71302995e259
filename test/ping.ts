// One packet there and back, for tests with real ones.

import type { Netns, Sandbox } from "./sandbox.ts";

/** Whether one packet comes back, however busy the machine is. */
export function pings(box: Sandbox, from: Netns, to: string, ...flags: readonly string[]): boolean {
  return box.run(from, ["ping", "-c", "1", "-W", "20", ...flags, to]).exitCode === 0;
}

/** Whether nothing comes back in a second; what became of the packet is counted. */
export function isSilent(box: Sandbox, from: Netns, to: string, ...flags: readonly string[]): boolean {
  return box.run(from, ["ping", "-c", "1", "-W", "1", ...flags, to]).exitCode !== 0;
}
