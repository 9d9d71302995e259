// Ages as kubectl shows them: precise while something is young.

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

/** `45s`, `3m20s`, `2h5m`, `4d`: the words of apimachinery's HumanDuration. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 2 * minute) return `${seconds}s`;
  if (seconds < 10 * minute) return two(seconds, minute, "m", 1, "s");
  if (seconds < 3 * hour) return `${Math.floor(seconds / minute)}m`;
  if (seconds < 8 * hour) return two(seconds, hour, "h", minute, "m");
  if (seconds < 2 * day) return `${Math.floor(seconds / hour)}h`;
  if (seconds < 8 * day) return two(seconds, day, "d", hour, "h");
  if (seconds < 2 * year) return `${Math.floor(seconds / day)}d`;
  if (seconds < 8 * year) return two(seconds, year, "y", day, "d");
  return `${Math.floor(seconds / year)}y`;
}

function two(seconds: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((seconds % large) / small);
  const whole = `${Math.floor(seconds / large)}${largeUnit}`;
  return rest === 0 ? whole : `${whole}${rest}${smallUnit}`;
}

/** The time since a timestamp; `<unknown>` when there is none. */
export function ageOf(timestamp: string | undefined, nowMs: number): string {
  const ms = Date.parse(timestamp ?? "");
  return Number.isNaN(ms) ? "<unknown>" : humanDuration(nowMs - ms);
}
