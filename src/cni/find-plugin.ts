// Where the executable of a plugin type lies: the first regular file of that name along CNI_PATH.

import { statSync } from "node:fs";
import { CniError, ErrorCode } from "./error.ts";

/**
 * The executable for `type`. Like the reference, a regular file is enough; whether it can be executed shows when it is.
 * @throws CniError 7 for a type that is no plain file name, and for one that no folder has.
 */
export function findPlugin(type: string, path: readonly string[]): string {
  if (type === "") throw new CniError(ErrorCode.invalidConfig, "no plugin name provided: set the field type");
  if (/[/\\\0]/.test(type) || type === "." || type === "..") {
    const details = "the field type is the name of an executable in CNI_PATH, without a folder";
    throw new CniError(ErrorCode.invalidConfig, `invalid plugin name: ${JSON.stringify(type)}`, { details });
  }
  const found = path.map((folder) => `${folder.replace(/\/+$/, "")}/${type}`).find(isRegularFile);
  if (found !== undefined) return found;
  throw new CniError(
    ErrorCode.invalidConfig,
    `failed to find plugin ${JSON.stringify(type)} in path [${path.join(" ")}]`,
    {
      details: "install the plugin there, or name its folder in CNI_PATH",
    },
  );
}

function isRegularFile(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch {
    // A folder that cannot be read or is no folder has nothing for us.
    return false;
  }
}
