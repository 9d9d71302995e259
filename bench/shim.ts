// The cost of a call before any plugin works: the shim from start to exit with a service that answers at once, beside programs
// that do nothing. Prints medians, 99th percentiles and ratios to /bin/true. Usage: bun bench/shim.ts [ROUNDS]
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownNamespaces } from "#plugins/service/identity.ts";
import { servePlugins } from "#plugins/service/server.ts";

const here = new URL(".", import.meta.url).pathname;
const rounds = Number(process.argv[2] ?? 3000);
const warmUp = 200;

const folder = mkdtempSync(join(tmpdir(), "twill-bench-"));
try {
  const samples = await measure();
  const base = percentile(samples[2] ?? [], 0.5);
  console.log(`${rounds} rounds, interleaved; from posix_spawn to wait`);
  for (const [index, name] of ["shim, answered", "empty, static", "/bin/true"].entries()) {
    const of = samples[index] ?? [];
    const p50 = percentile(of, 0.5);
    const text = [p50, percentile(of, 0.99)].map((ns) => `${(ns / 1000).toFixed(0).padStart(5)} us`).join("  p99 ");
    console.log(`${name.padEnd(16)} p50 ${text}  ${(p50 / base).toFixed(2)} x`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function measure(): Promise<number[][]> {
  const socket = join(folder, "s");
  const input = join(folder, "input");
  writeFileSync(
    input,
    JSON.stringify({ cniVersion: "1.1.0", name: "net", type: "bridge", ipam: { type: "host-local" } }),
  );
  writeFileSync(join(folder, "empty.c"), "int main(void) { return 0; }");
  const shim = join(folder, "bridge");
  run([join(here, "../shim/build.sh"), shim]);
  const empty = join(folder, "empty");
  run(["musl-gcc", "-static", "-Os", "-s", "-o", empty, join(folder, "empty.c")]);
  const driver = join(folder, "driver");
  run(["gcc", "-O2", "-o", driver, join(here, "shim-driver.c")]);
  const stdout = JSON.stringify({
    cniVersion: "1.1.0",
    ips: [{ address: "10.1.2.3/24" }],
    interfaces: [{ name: "eth0" }],
  });
  await using _service = await servePlugins({
    path: socket,
    handle: async () => ({ exitCode: 0, stdout, stderr: "" }),
    identity: ownNamespaces(),
    log: console.error,
  });
  const child = Bun.spawn([driver, String(warmUp + rounds), shim, empty, "/bin/true"], {
    env: {
      PATH: "/usr/bin:/bin",
      DRIVER_STDIN: input,
      TWILL_PLUGINS_SOCKET: socket,
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: "0123456789abcdef".repeat(4),
      CNI_NETNS: "/run/netns/cni-00000000-0000-0000-0000-000000000000",
      CNI_IFNAME: "eth0",
      CNI_PATH: "/opt/cni/bin",
      CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0",
    },
    stderr: "inherit",
  });
  const output = await child.stdout.text();
  if ((await child.exited) !== 0) throw new Error("The driver failed");
  const samples: number[][] = [[], [], []];
  for (const line of output.trim().split("\n")) {
    const [index, ns] = line.split(" ").map(Number);
    samples[index ?? -1]?.push(ns ?? Number.NaN);
  }
  return samples.map((of) => of.slice(warmUp));
}

function run(command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")} failed: ${stderr.toString()}`);
}

function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
