// A lab's lab.json and its lock: one command at a time changes a lab.

import { existsSync, fstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "#kernel/errno.ts";
import { Fd } from "#kernel/fd.ts";
import { lockFile } from "#kernel/file-lock.ts";
import { formatSpec, LabError, type LabSpec, parseSpec } from "#lab/spec.ts";
import { writeWhole } from "#lab/whole-file.ts";
import type { Places } from "./places.ts";

type Sleep = (ms: number) => Promise<void>;

/** Whoever holds it may take as long as a whole `up`. */
const patienceMs = 60_000;

/** Waits for other commands on the same lab. Makes the state folder. @throws LabError when one takes too long */
export async function lockLab({ folder, name }: Places, sleep: Sleep): Promise<Disposable> {
  const path = join(folder, "lock");
  for (;;) {
    try {
      makeFolder(folder);
      const lock = await lockFile(path, { sleep, patienceMs });
      // `down` takes the file away while it holds it: who waited for that one has a lock of nothing.
      if (lock instanceof Fd && inodeOf(path) === fstatSync(lock.number).ino) return lock;
      lock[Symbol.dispose]();
    } catch (error) {
      if (isErrno(error, "ENOENT")) continue;
      if (!isErrno(error, "EAGAIN")) throw error;
      throw new LabError(`Cannot change lab "${name}": another command has been at it for a minute`, { cause: error });
    }
  }
}

/** Undefined when there is no such lab. @throws LabError */
export function readState({ spec }: Pick<Places, "spec">): LabSpec | undefined {
  try {
    return parseSpec(readFileSync(spec, "utf8"), spec);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

export function writeState({ spec: path }: Pick<Places, "spec">, spec: LabSpec): void {
  writeWhole(path, formatSpec(spec));
}

/** Takes away the folder that the lock made for a lab that then was not. */
export function forgetUnmade({ folder, spec }: Places): void {
  if (!existsSync(spec)) rmSync(folder, { recursive: true, force: true });
}

/** Names of the labs below a folder. */
export function labNames(stateRoot: string): readonly string[] {
  try {
    const entries = readdirSync(stateRoot, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".")).map(({ name }) => name);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    if (!isErrno(error, "EEXIST", "ENOTDIR")) throw error;
    throw new LabError(`Cannot make the lab's folder ${folder}: a file is in the way, choose another name`, {
      cause: error,
    });
  }
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}
