// Names that carry the process that made a thing, so that a later run can tell its leftovers from a neighbour's work.
import { readFileSync } from "node:fs";

const pattern = /^tw(\d+)-([0-9a-z]+)-\d+(-|$)/;

/** The prefix of everything this process makes, such as `tw4711-5k2f1-`: its pid and, against reuse of the pid, its start time. */
export function ownPrefix(): string {
  return `tw${process.pid}-${startTime(process.pid)}-`;
}

/** Whether a name was made by a process that is gone. False for names of another shape, which are none of our business. */
export function isLeftover(name: string): boolean {
  const [, pid, started] = pattern.exec(name) ?? [];
  return pid !== undefined && startTime(Number(pid)) !== started;
}

/** Clock ticks from boot to the process's start in base 36, proc(5) field 22 of `stat`; undefined where no such process lives. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command name may hold spaces and parentheses: count the fields behind its last parenthesis.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" ? undefined : Number(fields[18]).toString(36);
  } catch {
    return undefined;
  }
}
