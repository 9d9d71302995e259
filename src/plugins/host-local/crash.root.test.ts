// A process killed at any instant leaves no address without an owner and none with two.
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { IpamNode } from "#test/ipam-node.ts";
import { Random } from "#test/random.ts";
import { hostLocal } from "./plugin.ts";

const kills = 40;
const worker = new URL("../../../test/ipam-worker.ts", import.meta.url).pathname;
const ipam = { ranges: [[{ subnet: "10.1.0.0/28" }], [{ subnet: "fd00::/124" }]] };

test("kill -9 leaves no leak and no duplicate", async () => {
  using node = new IpamNode();
  const random = new Random(1);
  const holders = new Set<string>();
  let interrupted = 0;
  for (let round = 0; round < kills; round++) {
    const pending = await runAndKill(node.dataDir, round, random.int(0, 8000) / 1000, holders);
    if (pending !== undefined) {
      interrupted++;
      // The runtime has no answer: it calls DEL, as for any failed ADD, or the DEL again.
      await node.call(hostLocal, { command: "DEL", containerId: pending, ipam });
      holders.delete(pending);
    }
    // Reads the folder anew, so that what the killed process left half-done is taken away.
    await node.call(hostLocal, { command: "STATUS", cniVersion: "1.1.0", ipam });
    expect(ownersIn(node)).toEqual([...holders, ...holders].sort());
  }
  // Most of the time the process is within a call.
  expect(interrupted).toBeGreaterThan(kills / 4);
}, 120_000);

/** Lets a worker run for a moment; updates who holds addresses, and returns whom the call that was cut short was for. */
async function runAndKill(
  dataDir: string,
  seed: number,
  ms: number,
  holders: Set<string>,
): Promise<string | undefined> {
  const child = Bun.spawn([process.execPath, worker, dataDir, String(seed)], { stdout: "pipe", stderr: "pipe" });
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  let said = decoder.decode((await reader.read()).value, { stream: true });
  await Bun.sleep(ms);
  child.kill("SIGKILL");
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    said += decoder.decode(value, { stream: true });
  }
  await child.exited;
  expect(await new Response(child.stderr).text()).toBe("");
  let pending: string | undefined;
  for (const line of said.split("\n").slice(0, -1)) {
    const [moment, command, containerId = ""] = line.split(" ");
    pending = moment === "begin" ? containerId : undefined;
    if (moment !== "end") continue;
    if (command === "ADD") holders.add(containerId);
    else holders.delete(containerId);
  }
  return pending;
}

/** The container of each address's file; an empty file is an owner too. */
function ownersIn(node: IpamNode): string[] {
  const folder = `${node.dataDir}/net`;
  // The first worker may be killed before it makes the folder.
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.startsWith("10.") || name.startsWith("fd00:"));
  return names.map((name) => readFileSync(`${folder}/${name}`, "utf8").replace("\r\neth0", "")).sort();
}
