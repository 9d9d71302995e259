// `dhcp daemon` as a process of its own: it serves stand-alone calls, and its leases outlive it.
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cable, callDhcp, resultOf, standaloneHost } from "#test/dhcp-node.ts";
import { startDhcpServer } from "#test/peers/dhcp.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { until } from "#test/until.ts";

setDefaultTimeout(120_000);

const v4 = {
  from: "10.7.0.100",
  to: "10.7.0.150",
  subnet: "10.7.0.0/20",
  leaseSeconds: 6,
  router: "10.7.0.1",
} as const;

/** The daemon under `starter`, once it has said `says`. */
async function startDaemon(
  box: Sandbox,
  node: Netns,
  flags: readonly string[],
  starter: readonly string[] = [],
  says = "keeping DHCP leases",
) {
  const module = JSON.stringify(new URL("./dhcp-daemon.ts", import.meta.url).pathname);
  const script = `const { runDhcpDaemon } = await import(${module});
    const env = new Map(Object.entries(process.env));
    process.exit(await runDhcpDaemon(process.argv.slice(1), { env, log: console.error }));`;
  const daemon = box.start(node, [...starter, process.execPath, "--eval", script, "--", ...flags]);
  await until(() => daemon.output().includes(says), daemon.output);
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

// What systemd does for a .socket unit: it listens itself, and the service gets the socket as descriptor 3.
const activator = `
use Socket; use POSIX ();
my ($path, $count, $other, @command) = @ARGV;
$^F = 255; # Descriptors stay open over exec.
socket(my $listener, AF_UNIX, SOCK_STREAM, 0) or die $!;
bind($listener, sockaddr_un($path)) or die $!;
listen($listener, 16) or die $!;
if (my $child = fork()) {
  waitpid($child, 0);
  sleep 60; # The socket outlives the daemon.
  exit;
}
POSIX::dup2(fileno($listener), 3);
@ENV{"LISTEN_FDS", "LISTEN_PID"} = ($count, $$ + $other);
exec @command;
`;

test("a socket of systemd is served on, and stays where it is when the daemon ends", async () => {
  using box = new Sandbox();
  const node = box.netns("node");
  const { server, pod } = cable(box);
  const dhcpd = await startDhcpServer({ box, netns: server, link: "eth0", server: "dhcpd", v4 });
  const daemonSocketPath = join(box.dir(), "dhcp.sock");
  const flags = ["-hostprefix", "/run/netns", "-timeout=2s"];
  const start = ["perl", "-e", activator, daemonSocketPath, "1", "0"];
  const daemon = await startDaemon(box, node, flags, start);
  expect(daemon.output()).toContain(`keeping DHCP leases for ${daemonSocketPath}`);
  using host = standaloneHost(box.dir());
  resultOf(await callDhcp(host, "ADD", `/${pod.name}`, { daemonSocketPath }));
  expect(existsSync(`${daemonSocketPath}.leases/lan/pod-1:eth0:dhcp`)).toBe(true);
  expect(await callDhcp(host, "DEL", `/${pod.name}`, { daemonSocketPath })).toMatchObject({ exitCode: 0 });
  await until(() => dhcpd.leases().length === 0, dhcpd.log);
  const [pid = 0] = childrenOf(daemon.pid);
  process.kill(pid, "SIGTERM");
  await until(() => childrenOf(daemon.pid).length === 0);
  expect(existsSync(daemonSocketPath)).toBe(true);
});

const wrongSockets: readonly (readonly [what: string, count: string, flags: readonly string[], says: string])[] = [
  ["two sockets", "2", [], "there are 2: pass one (ListenStream=)"],
  ["a socket elsewhere", "1", ["-socketpath", "/run/other.sock"], "-socketpath is /run/other.sock, but systemd passes"],
];
for (const [what, count, flags, says] of wrongSockets) {
  test(`${what} from systemd: the daemon says what to change`, async () => {
    using box = new Sandbox();
    const path = join(box.dir(), "dhcp.sock");
    const daemon = await startDaemon(box, box.netns("node"), flags, ["perl", "-e", activator, path, count, "0"], says);
    expect(daemon.output()).not.toContain("keeping DHCP leases");
  });
}

test("a socket that was meant for another process is left alone", async () => {
  using box = new Sandbox();
  const [theirs, ours] = [join(box.dir(), "theirs.sock"), join(box.dir(), "ours.sock")];
  const start = ["perl", "-e", activator, theirs, "1", "1"];
  const daemon = await startDaemon(box, box.netns("node"), ["-socketpath", ours], start);
  expect(daemon.output()).toContain(`keeping DHCP leases for ${ours}`);
});

function childrenOf(pid: number): readonly number[] {
  const words = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return words === "" ? [] : words.split(" ").map(Number);
}
