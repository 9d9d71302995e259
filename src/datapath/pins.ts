// Where the packet path's maps are pinned: they outlive the agent, and a map of another layout never takes their place.

import { existsSync, mkdirSync, renameSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { mapInfo, openPinned } from "#kernel/bpf-map.ts";
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

type Layout = Pick<MapShape, "name" | "keySize" | "valueSize">;

/** The layout is part of the name. A layout that means something else in the same sizes needs another name of its map. */
export function pinName({ name, keySize, valueSize }: Layout): string {
  return `${name}-${keySize}-${valueSize}`;
}

/** What `pinName` has made, or `makeWay` has put aside; undefined for names that are neither. */
export function parsePinName(text: string): Layout | undefined {
  const [, name, keySize, valueSize] = /^(.+)-(\d+)-(\d+)(?:-aside\d+)?$/.exec(text) ?? [];
  return name === undefined ? undefined : { name, keySize: Number(keySize), valueSize: Number(valueSize) };
}

/**
 * Where a map belongs. One of the same layout that holds more or fewer elements, or is of another type, is put aside under another name:
 * `Migration` brings its elements over. @throws KernelError
 */
export function makeWay(folder: string, map: MapShape): string {
  const path = join(folder, pinName(map));
  if (!existsSync(path)) return path;
  using there = openPinned(path);
  const { type, maxEntries, flags } = mapInfo(there.number);
  if (type === map.type && maxEntries === map.maxEntries && flags === map.flags) return path;
  // Dots are not for names there.
  let number = 1;
  while (existsSync(`${path}-aside${number}`)) number++;
  renameSync(path, `${path}-aside${number}`);
  return path;
}
