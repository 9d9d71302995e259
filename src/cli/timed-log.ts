// Lines of a log, each with its time.

/** A log that writes whole lines: `2026-01-31T12:00:00.000Z serving node node1`. */
export function timedLog(write: (text: string) => void): (line: string) => void {
  return (line) => write(`${new Date().toISOString()} ${line}\n`);
}
