// The two sides of every comparison: the reference plugins as Debian ships them, and ours.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Netns, Sandbox, Started } from "#test/sandbox.ts";
import type { Driver, Timed } from "./driver.ts";

export type Contestant = {
  readonly name: "reference" | "twill" | "stand-alone";
  readonly bin: string;
  readonly env: Readonly<Record<string, string>>;
};

export const referenceBin = "/usr/lib/cni";
export const ownBin = new URL("../dist/cni/bin", import.meta.url).pathname;
const executable = new URL("../dist/twill", import.meta.url).pathname;
const startMs = 20_000;

export const reference: Contestant = { name: "reference", bin: referenceBin, env: {} };

export type Service = {
  readonly twill: Contestant;
  readonly standAlone: Contestant;
  readonly started: Started;
};

/** Starts the plugin service in `node` and waits for its socket. Its records are on a tmpfs, as /run is on a real node. */
export async function startService(box: Sandbox, node: Netns): Promise<Service> {
  const dir = box.dir();
  const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", dir]);
  if (mounted.exitCode !== 0) throw new Error(`Cannot mount a tmpfs on ${dir}: ${mounted.stderr.toString().trim()}`);
  const socket = join(dir, "plugins.sock");
  const env = { TWILL_PLUGINS_SOCKET: socket, TWILL_RUN_DIR: join(dir, "run") };
  const started = box.start(node, [executable, "plugins"], { env });
  for (const end = Date.now() + startMs; !existsSync(socket); await Bun.sleep(10)) {
    if (Date.now() > end) throw new Error(`The plugin service does not start: ${started.output()}`);
  }
  const standAloneEnv = { TWILL_PLUGINS_SOCKET: join(dir, "none"), TWILL_RUN_DIR: join(dir, "alone") };
  return {
    twill: { name: "twill", bin: ownBin, env },
    standAlone: { name: "stand-alone", bin: ownBin, env: standAloneEnv },
    started,
  };
}

export type Attach = { readonly containerId: string; readonly netns: string };

/** One plugin execution; throws what it printed when it failed. */
export async function call(
  driver: Driver,
  side: Contestant,
  verb: "ADD" | "DEL",
  { containerId, netns }: Attach,
  config: Readonly<Record<string, unknown>>,
): Promise<Timed> {
  const env = {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    ...side.env,
    CNI_COMMAND: verb,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: netns,
    CNI_IFNAME: "eth0",
    CNI_PATH: side.bin,
  };
  const timed = await driver.run(join(side.bin, String(config["type"])), JSON.stringify(config), env);
  if (timed.exitCode !== 0) throw new Error(`${side.name} ${String(config["type"])} ${verb} failed: ${timed.stdout}`);
  return timed;
}

/** Calls a chain as a runtime does: ADD forward with prevResult, DEL backward with the last result. */
export async function chain(
  driver: Driver,
  side: Contestant,
  attach: Attach,
  plugins: readonly Readonly<Record<string, unknown>>[],
): Promise<{ readonly addMs: number; readonly delMs: () => Promise<number> }> {
  let addMs = 0;
  let prevResult: Readonly<Record<string, unknown>> = {};
  for (const [i, plugin] of plugins.entries()) {
    const timed = await call(driver, side, "ADD", attach, i === 0 ? plugin : { ...plugin, prevResult });
    addMs += timed.ms;
    prevResult = JSON.parse(timed.stdout) as Readonly<Record<string, unknown>>;
  }
  const delMs = async () => {
    let ms = 0;
    for (const plugin of [...plugins].reverse())
      ms += (await call(driver, side, "DEL", attach, { ...plugin, prevResult })).ms;
    return ms;
  };
  return { addMs, delMs };
}
