// Writing the files of a volume so that a reader sees all of the old ones or all of the new ones.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { VolumeFiles } from "#lab/kubelet/pod/volume-files.ts";

/**
 * As kubelets do: files lie in a folder of their own, `..data` leads to it and is replaced at once, and each name leads
 * through `..data`. `version` names the folder: any text that differs from the last one's.
 */
export function writeVolume(folder: string, files: VolumeFiles, version: string): void {
  mkdirSync(folder, { recursive: true });
  const data = `..${version}`;
  for (const [path, { bytes, mode }] of files) {
    const file = join(folder, data, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes, { mode });
  }
  mkdirSync(join(folder, data), { recursive: true });
  const before = existsSync(join(folder, "..data")) ? readlinkSync(join(folder, "..data")) : undefined;
  rmSync(join(folder, "..data.new"), { force: true });
  symlinkSync(data, join(folder, "..data.new"));
  renameSync(join(folder, "..data.new"), join(folder, "..data"));
  const names = new Set([...files.keys()].map((path) => path.split("/")[0] ?? path));
  for (const name of readdirSync(folder)) if (!name.startsWith("..") && !names.has(name)) rmSync(join(folder, name));
  for (const name of names) if (!existsSync(join(folder, name))) symlinkSync(join("..data", name), join(folder, name));
  if (before !== undefined && before !== data) rmSync(join(folder, before), { recursive: true, force: true });
}
