// IPAM for tests of main plugins: Debian's host-local with a folder of its own.

import { existsSync, readdirSync } from "node:fs";
import type { JsonObject } from "#cni/json.ts";
import type { Sandbox } from "./sandbox.ts";

/** Both families, with default routes. */
export class HostLocal {
  readonly dir: string;

  constructor(box: Sandbox) {
    this.dir = box.dir();
  }

  /** Goes into a configuration, with a version that Debian's host-local knows. */
  get conf(): JsonObject {
    const ranges = [[{ subnet: "10.7.0.0/24" }], [{ subnet: "fd07::/64" }]];
    const routes = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }];
    return { cniVersion: "1.0.0", ipam: { type: "host-local", dataDir: this.dir, ranges, routes } };
  }

  /** The addresses that are given out. */
  held(): readonly string[] {
    const dir = `${this.dir}/net`;
    if (!existsSync(dir)) return [];
    return readdirSync(dir)
      .filter((name) => /^[0-9a-f]+[.:]/.test(name))
      .sort();
  }
}
