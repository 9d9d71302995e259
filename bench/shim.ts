// The cost of a call before any plugin works: the shim from start to exit with a service that answers at once, beside programs
// that do nothing. Prints medians and 99th percentiles, right after one another and after a rest. Usage: bun bench/shim.ts [ROUNDS]

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ownNamespaces } from "#plugins/service/identity.ts";
import { servePlugins } from "#plugins/service/server.ts";
import { Sandbox } from "#test/sandbox.ts";
import { Driver, percentile } from "./driver.ts";

const here = new URL(".", import.meta.url).pathname;
const rounds = Number(process.argv[2] ?? 1000);
const warmUp = 50;
/** As long as bench/cni.ts rests between calls: what the call needs has left the processor's caches by then. */
const restMs = 25;

using box = new Sandbox();
const folder = box.dir();
const path = join(folder, "s");
const stdout = JSON.stringify({
  cniVersion: "1.1.0",
  ips: [{ address: "10.1.2.3/24" }],
  interfaces: [{ name: "eth0" }],
});
const config = JSON.stringify({ cniVersion: "1.1.0", name: "net", type: "bridge", ipam: { type: "host-local" } });
const env = {
  PATH: "/usr/bin:/bin",
  TWILL_PLUGINS_SOCKET: path,
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "0123456789abcdef".repeat(4),
  CNI_NETNS: "/run/netns/cni-00000000-0000-0000-0000-000000000000",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/opt/cni/bin",
  CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0",
};
const shim = join(folder, "bridge");
build([join(here, "../shim/build.sh"), shim]);
const empty = join(folder, "empty");
writeFileSync(`${empty}.c`, "int main(void) { return 0; }");
build(["musl-gcc", "-static", "-Os", "-s", "-o", empty, `${empty}.c`]);
const programs = [
  ["shim, answered", shim],
  ["empty, static", empty],
  ["/bin/true", "/bin/true"],
] as const;

await using _service = await servePlugins({
  path,
  handle: async () => ({ exitCode: 0, stdout, stderr: "" }),
  identity: ownNamespaces(),
  log: console.error,
});
await using driver = new Driver(box);
await measure(`right after one another, ${rounds} rounds`, rounds, 0);
await measure(`after ${restMs} ms of rest, ${Math.ceil(rounds / 10)} rounds`, Math.ceil(rounds / 10), restMs);

async function measure(title: string, count: number, pauseMs: number): Promise<void> {
  const samples = programs.map((): number[] => []);
  for (let round = 0; round < count + warmUp; round++) {
    for (const [i, [name, command]] of programs.entries()) {
      if (pauseMs > 0) await Bun.sleep(pauseMs);
      const { exitCode, ms } = await driver.run(command, config, env);
      if (exitCode !== 0) throw new Error(`${name} failed with ${exitCode}`);
      if (round >= warmUp) samples[i]?.push(ms);
    }
  }
  console.log(title);
  for (const [i, [name]] of programs.entries()) {
    const [p50, p99] = [0.5, 0.99].map((share) => (percentile(samples[i] ?? [], share) * 1000).toFixed(0).padStart(5));
    console.log(`  ${name.padEnd(16)} p50 ${p50} us  p99 ${p99} us`);
  }
}

function build(command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")} failed: ${stderr.toString()}`);
}
