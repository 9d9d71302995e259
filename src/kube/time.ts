// Times as objects of the API carry them.

/** RFC 3339 with whole seconds, in UTC: `2026-01-31T12:00:00Z`. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with microseconds, of which milliseconds are known (meta/v1 MicroTime): `2026-01-31T12:00:00.125000Z`. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}
