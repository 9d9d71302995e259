// What a plugin says when it cannot keep its records on disk: one sentence with the way out.

import { messageOf } from "#base/error-message.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import { errnoName, errnoOf } from "#kernel/errno.ts";

const reasons: { readonly [errno: string]: string } = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system is read-only",
  EACCES: "there is no permission to write",
  EPERM: "there is no permission to write",
  ENOTDIR: "a part of the path is a file",
  EEXIST: "a part of the path is a file",
};
const spent: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);

/** CNI code 5. `what` begins the sentence, like `Cannot write file x`; `elsewhere` says how to choose another folder. */
export function ioFailure(what: string, elsewhere: string, cause: unknown): CniError {
  if (cause instanceof CniError) return cause;
  const name = errnoName(errnoOf(cause));
  const reason = reasons[name];
  const way = spent.has(name) ? "free some space" : elsewhere;
  const why = reason === undefined ? messageOf(cause) : `${reason}: ${way}`;
  return new CniError(ErrorCode.ioFailure, `${what}: ${name} (${why})`, { cause });
}
