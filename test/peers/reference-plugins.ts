// The reference plugins of Debian's package, which the harnesses are tried with before ours are.
import { existsSync } from "node:fs";

const folder = "/usr/lib/cni";

/** The folder with the plugins; throws when they are not installed. */
export function referencePlugins(): string {
  if (existsSync(`${folder}/bridge`)) return folder;
  throw new Error(
    `Cannot find the reference plugins in ${folder}: run make setup or apt-get install containernetworking-plugins`,
  );
}
