// Where the packet path's maps are pinned: they outlive the agent, and a map of another layout never takes their place.

import { mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import type { MapShape } from "#kernel/bpf-object.ts";
import { mountFileSystem } from "#kernel/mount.ts";

/** linux/magic.h */
const bpfMagic = 0xcafe4a11;

/** Makes the folder for pins, and mounts a bpf file system at `root` when there is none. @throws KernelError */
export function preparePins(root: string, folder: string): string {
  mkdirSync(root, { recursive: true });
  if (statfsSync(root).type !== bpfMagic) mountFileSystem("bpf", root);
  const path = join(root, folder);
  mkdirSync(path, { recursive: true });
  return path;
}

/** The layout's version is part of the name: an agent with another one starts with a map of its own. */
export function pinName({ name, keySize, valueSize }: MapShape): string {
  return `${name}-${keySize}-${valueSize}`;
}
