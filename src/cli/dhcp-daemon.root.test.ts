// `dhcp daemon` as a process of its own: it serves stand-alone calls, and its leases outlive it.
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cable, callDhcp, resultOf, standaloneHost, until } from "#test/dhcp-node.ts";
import { startDhcpServer } from "#test/peers/dhcp.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";

setDefaultTimeout(40_000);

const v4 = {
  from: "10.7.0.100",
  to: "10.7.0.150",
  subnet: "10.7.0.0/20",
  leaseSeconds: 6,
  router: "10.7.0.1",
} as const;

async function startDaemon(box: Sandbox, node: Netns, flags: readonly string[]) {
  const module = JSON.stringify(new URL("./dhcp-daemon.ts", import.meta.url).pathname);
  const script = `const { runDhcpDaemon } = await import(${module});
    process.exit(await runDhcpDaemon(process.argv.slice(1), { log: console.error }));`;
  const daemon = box.start(node, [process.execPath, "--eval", script, "--", ...flags]);
  await until(() => daemon.output().includes("keeping DHCP leases"), daemon.output);
  return daemon;
}

test("the daemon serves ADD, CHECK and STATUS; killed and started again it goes on; DEL works without it", async () => {
  using box = new Sandbox();
  const node = box.netns("node");
  const { server, pod } = cable(box);
  const dhcpd = await startDhcpServer({ box, netns: server, link: "eth0", server: "dhcpd", v4 });
  const folder = box.dir();
  const [daemonSocketPath, pidfile] = [join(folder, "dhcp.sock"), join(folder, "pid")];
  const flags = ["-socketpath", daemonSocketPath, `-pidfile=${pidfile}`, "-hostprefix", "/run/netns", "-timeout=2s"];
  const first = await startDaemon(box, node, flags);
  expect(Number(readFileSync(pidfile, "utf8"))).toBe(first.pid);
  using host = standaloneHost(box.dir());
  const ipam = { daemonSocketPath };
  const netns = `/${pod.name}`;
  expect(await callDhcp(host, "STATUS", "", ipam)).toMatchObject({ exitCode: 0 });
  const prevResult = resultOf(await callDhcp(host, "ADD", netns, ipam)) as never;
  expect(dhcpd.leases()).toHaveLength(1);
  expect(await callDhcp(host, "CHECK", netns, ipam, { prevResult })).toMatchObject({ exitCode: 0 });
  first.kill();
  const checked = await callDhcp(host, "CHECK", netns, ipam, { prevResult });
  expect(JSON.parse(checked.stdout)).toMatchObject({ code: 11 });
  const second = await startDaemon(box, node, flags);
  const acks = dhcpd.log().split("DHCPACK").length;
  await until(() => dhcpd.log().split("DHCPACK").length > acks, second.output);
  expect(await callDhcp(host, "CHECK", netns, ipam, { prevResult })).toMatchObject({ exitCode: 0 });
  process.kill(second.pid, "SIGTERM");
  expect(await second.exited).toBe(0);
  expect(existsSync(pidfile)).toBe(false);
  expect(dhcpd.leases()).toHaveLength(1);
  expect(await callDhcp(host, "DEL", netns, ipam)).toMatchObject({ exitCode: 0 });
  await until(() => dhcpd.leases().length === 0, dhcpd.log);
  expect(await callDhcp(host, "DEL", netns, ipam)).toMatchObject({ exitCode: 0 });
});
