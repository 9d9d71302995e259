// A process that gives out and takes back addresses until it is killed, and says before and after each call what it does.

import { writeSync } from "node:fs";
import type { Json } from "#cni/json.ts";
import { runPlugin } from "#cni/serve-plugin.ts";
import { hostLocal } from "#plugins/host-local/plugin.ts";
import { openTestHost } from "./ipam-node.ts";
import { Random } from "./random.ts";

const [dataDir = "", seed = "0"] = process.argv.slice(2);
const containers = 6;

/** `begin ADD c3`, and `end ADD c3` once the answer is there. */
async function run(): Promise<void> {
  const random = new Random(Number(seed));
  const host = openTestHost(`${dataDir}/run`);
  const ipam: Json = { dataDir, ranges: [[{ subnet: "10.1.0.0/28" }], [{ subnet: "fd00::/124" }]] };
  const stdin = new TextEncoder().encode(JSON.stringify({ cniVersion: "1.0.0", name: "net", type: "x", ipam }));
  for (;;) {
    const command = random.pick(["ADD", "DEL"]);
    const containerId = `c${random.below(containers)}`;
    const env = new Map([
      ["CNI_COMMAND", command],
      ["CNI_CONTAINERID", containerId],
      ["CNI_IFNAME", "eth0"],
      ["CNI_NETNS", "/none"],
      ["CNI_PATH", "/none"],
    ]);
    writeSync(1, `begin ${command} ${containerId}\n`);
    const { exitCode, stdout } = await runPlugin(hostLocal, { plugin: "host-local", env, stdin }, host);
    if (exitCode !== 0) throw new Error(stdout);
    writeSync(1, `end ${command} ${containerId}\n`);
  }
}

await run();
