// A real firewalld for one namespace of a sandbox, on a bus of its own.

import { join } from "node:path";
import type { Netns, Sandbox } from "./sandbox.ts";
import { needsTools } from "./tools.ts";

export type Firewalld = {
  /** For DBUS_SYSTEM_BUS_ADDRESS. */
  readonly address: string;
  /** Runs firewall-cmd; its output without the last line break. */
  readonly cmd: (...args: readonly string[]) => string;
  /** Ends firewalld, not its bus. Returns when the bus has noticed. */
  readonly kill: () => Promise<void>;
};

const maxRounds = 100;

/** Returns when it answers. It goes with the sandbox. */
export async function startFirewalld(box: Sandbox, node: Netns): Promise<Firewalld> {
  needsTools("run firewalld", { firewalld: "firewalld", "dbus-daemon": "dbus-daemon", unshare: "util-linux" });
  const folder = box.dir();
  const address = `unix:path=${folder}/bus`;
  const script = join(import.meta.dir, "firewalld.sh");
  const started = box.start(node, ["unshare", "--mount", "--propagation=private", script, folder]);
  const env = { DBUS_SYSTEM_BUS_ADDRESS: address };
  const run = (...args: readonly string[]) => box.run(node, ["firewall-cmd", ...args], { env });
  const until = async (isRunning: boolean) => {
    for (let round = 0; round < maxRounds; round++) {
      if (run("--state").stdout.startsWith("running") === isRunning) return;
      await Bun.sleep(20);
    }
    throw new Error(`firewalld does not ${isRunning ? "start" : "end"}: ${started.output()}`);
  };
  await until(true);
  return {
    address,
    cmd: (...args) => box.sh(node, ["firewall-cmd", ...args], { env }).trimEnd(),
    kill: async () => {
      started.kill();
      await until(false);
    },
  };
}
