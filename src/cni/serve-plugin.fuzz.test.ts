// Whatever comes in, a plugin answers with JSON and an exit code.
import { expect, test } from "bun:test";
import { ifAddr } from "#net/cidr.ts";
import { forEachSeedAsync, type Random } from "#test/random.ts";
import type { Plugin } from "./plugin.ts";
import { emptyResult } from "./result.ts";
import { runPlugin } from "./serve-plugin.ts";
import { specVersions } from "./version.ts";

const plugin: Plugin<undefined> = {
  name: "quiet",
  about: "quiet: does nothing",
  versions: specVersions,
  add: () => ({ ...emptyResult, ips: [{ address: ifAddr("10.0.0.2/24") }] }),
  del: () => {},
  check: () => {},
  gc: () => {},
  status: () => {},
};

const variables = ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH", "CNI_ARGS"];
const verbs = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"];
const valid = JSON.stringify({
  cniVersion: "1.1.0",
  name: "net",
  type: "quiet",
  prevResult: { cniVersion: "1.1.0", interfaces: [{ name: "eth0" }], ips: [{ interface: 0, address: "10.0.0.2/24" }] },
  "cni.dev/valid-attachments": [{ containerID: "c", ifname: "eth0" }],
});

/** A valid configuration with some bytes replaced, left out or doubled; now and then any bytes at all. */
function stdinOf(random: Random): Uint8Array {
  if (random.chance(5)) return random.bytes(random.below(64));
  const bytes = [...new TextEncoder().encode(valid)];
  for (let changes = random.below(4); changes > 0; changes--) {
    const at = random.below(bytes.length);
    const change = random.pick(["replace", "delete", "repeat", "cut"] as const);
    if (change === "replace")
      bytes[at] = random.chance(2) ? random.below(256) : random.pick([...Buffer.from('{}[]",:0-n')]);
    else if (change === "delete") bytes.splice(at, random.int(1, 5));
    else if (change === "repeat") bytes.splice(at, 0, ...bytes.slice(at, at + random.int(1, 20)));
    else bytes.length = at + 1;
  }
  return Uint8Array.from(bytes);
}

function envOf(random: Random): ReadonlyMap<string, string> {
  const env = new Map(variables.map((name) => [name, "a"]));
  env.set("CNI_COMMAND", random.chance(20) ? random.text(4) : random.pick(verbs));
  if (random.chance(3)) env.delete(random.pick(variables));
  if (random.chance(3)) env.set(random.pick(variables), random.text(random.below(20), "ab./:\0 ;=%ä"));
  return env;
}

test("whatever comes in, the outcome is success or a valid CNI error", async () => {
  const exits = new Map<number, number>();
  await forEachSeedAsync(5000, async (random) => {
    const invocation = { plugin: "quiet", env: envOf(random), stdin: stdinOf(random) };
    const { exitCode, stdout } = await runPlugin(plugin, invocation, undefined);
    exits.set(exitCode, (exits.get(exitCode) ?? 0) + 1);
    if (exitCode === 0) {
      if (stdout !== "") JSON.parse(stdout);
      return;
    }
    const printed = JSON.parse(stdout);
    expect(exitCode).toBe(1);
    expect(specVersions).toContain(printed.cniVersion);
    // Nothing that comes in may look like a failure inside: 999 would be a bug here.
    expect([1, 2, 4, 6, 7]).toContain(printed.code);
    expect(printed.msg).not.toBe("");
    expect(Object.keys(printed)).toEqual(
      ["cniVersion", "code", "msg", "details"].slice(0, Object.keys(printed).length),
    );
  });
  // Both sides of the law were seen.
  expect(exits.get(0)).toBeGreaterThan(500);
  expect(exits.get(1)).toBeGreaterThan(500);
});
