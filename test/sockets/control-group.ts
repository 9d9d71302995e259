// A control group of a test's own, whose sockets' programs are nobody else's business.

import { existsSync, mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { cgroupMount } from "#kernel/cgroup-mount.ts";
import { isLeftover, ownPrefix } from "../owner.ts";

/** Groups below it are made by whoever wants them; its processes must have ended before it goes. */
export class ControlGroup implements Disposable {
  readonly path: string;

  constructor() {
    sweepGroups();
    this.path = makeGroup();
  }

  [Symbol.dispose](): void {
    removeGroup(this.path);
  }
}

function makeGroup(): string {
  for (let number = 0; ; number++) {
    const path = join(cgroupMount(), `${ownPrefix()}${number}-sockets`);
    if (existsSync(path)) continue;
    mkdirSync(path);
    return path;
  }
}

/** What killed runs have left; their processes have ended with their input. */
function sweepGroups(): void {
  for (const name of readdirSync(cgroupMount()).filter(isLeftover)) {
    try {
      removeGroup(join(cgroupMount(), name));
    } catch {
      // Another run's sweep was first, or something of it still ends: the next run finds it.
    }
  }
}

function removeGroup(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroup(join(path, entry.name));
  }
  rmdirSync(path);
}
