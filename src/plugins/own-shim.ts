// Telling our own executables in a plugin folder from others, so that delegation to them needs no process.

import { readFileSync, statSync } from "node:fs";

/** The shim names this variable; no other plugin does. */
const marker = Buffer.from("TWILL_PLUGINS_SOCKET");
const maxShimBytes = 1 << 20;
const maxRemembered = 256;

/** Remembers its answers by a file's identity, size and time of change. */
export class OwnShims {
  #known = new Map<string, boolean>();

  /** True when `file` is the shim: what it would start is this program. */
  has(file: string): boolean {
    const { dev, ino, size, mtimeMs } = statSync(file);
    const key = `${file}\0${dev}\0${ino}\0${size}\0${mtimeMs}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const own = size <= maxShimBytes && readFileSync(file).includes(marker);
    if (this.#known.size >= maxRemembered) this.#known.clear();
    this.#known.set(key, own);
    return own;
  }
}
