// Times as objects of the API carry them.

/** RFC 3339 with whole seconds, in UTC: `2026-01-31T12:00:00Z`. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
