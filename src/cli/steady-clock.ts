// The time of day that nobody sets while the process runs.

/**
 * Milliseconds since 1970, as they were at the start of the process plus those that went by. Addresses rest, and leases run, for as long
 * as time goes by: a wall clock that is set meanwhile does not matter.
 */
export function steadyNow(): number {
  return Math.floor(performance.timeOrigin + performance.now());
}
