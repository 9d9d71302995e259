// Folders that need not be there: what is in one that is not is nothing.

import { readdirSync } from "node:fs";
import { isErrno } from "#kernel/errno.ts";

/** Names in a folder, in no order; none when there is no such folder. @throws Error as node:fs, for any other reason */
export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
}
