// The built executable as a service: who may hold its socket, who may use it, and what is left when either side is killed.
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Node } from "#test/peers/node.ts";
import {
  builtPlugins,
  nothingRemains,
  remains,
  remainsAtLast,
  servedPlugins,
  startService,
} from "#test/peers/twill.ts";
import { type Ran, Sandbox } from "#test/sandbox.ts";

setDefaultTimeout(120_000);

const executable = join(builtPlugins(), "../../twill");
const socket = "/run/twill/plugins.sock";
const ipam = { type: "host-local", ranges: [[{ subnet: "10.77.0.0/24" }]] };
const config = JSON.stringify({ cniVersion: "1.0.0", name: "net", type: "bridge", bridge: "br0", ipMasq: true, ipam });

type Served = Awaited<ReturnType<typeof served>>;

/** A node with the service, and a container; no plugin can run without the service. */
async function served(resources: DisposableStack) {
  const node = resources.use(new Node(resources.use(new Sandbox())));
  const service = await startService(node);
  node.sh(["ip", "netns", "add", "c1"]);
  return { node, service, path: servedPlugins(node) };
}

function call({ node, path }: Served, command: string): Ran {
  return node.run([`${path}/bridge`], { stdin: config, env: environment(path, command) });
}

function environment(path: string, command: string): Readonly<Record<string, string>> {
  const names = { CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/c1", CNI_IFNAME: "eth0" };
  return { CNI_COMMAND: command, CNI_PATH: path, ...names };
}

test("a second service leaves the socket to the first", async () => {
  using resources = new DisposableStack();
  const one = await served(resources);
  const second = one.node.run([executable, "plugins"]);
  expect([second.exitCode, second.stderr]).toEqual([1, expect.stringContaining(socket)]);
  expect(call(one, "ADD").exitCode).toBe(0);
});

test("a caller who may not use the socket is told so", async () => {
  using resources = new DisposableStack();
  const one = await served(resources);
  const words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", `${one.path}/bridge`];
  const ran = one.node.run(words, { stdin: config, env: environment(one.path, "ADD") });
  expect(ran.exitCode).toBe(1);
  expect(JSON.parse(ran.stdout)).toMatchObject({ code: 5, msg: expect.stringContaining(socket) });
  expect(remains(one.node)).toEqual(nothingRemains);
});

test("ADD follows DEL at once under the same name", async () => {
  using resources = new DisposableStack();
  const one = await served(resources);
  for (let round = 0; round < 10; round++) {
    expect(call(one, "ADD")).toMatchObject({ exitCode: 0 });
    expect(call(one, "DEL")).toMatchObject({ exitCode: 0, stdout: "" });
  }
  expect(await remainsAtLast(one.node)).toEqual(nothingRemains);
});

test("a service that is killed leaves its attachments, and the next one takes them away", async () => {
  using resources = new DisposableStack();
  const one = await served(resources);
  expect(call(one, "ADD").exitCode).toBe(0);
  one.service.kill();
  expect(call(one, "DEL")).toMatchObject({ exitCode: 1, stdout: expect.stringContaining("start `twill plugins`") });
  const again = one.node.start([executable, "plugins"]);
  for (let round = 0; round < 1500 && !again.output().includes("serving"); round++) await Bun.sleep(20);
  expect(call(one, "DEL")).toMatchObject({ exitCode: 0, stdout: "" });
  expect(await remainsAtLast(one.node)).toEqual(nothingRemains);
});

test("the ADD of a caller that is killed is undone", async () => {
  using resources = new DisposableStack();
  const one = await served(resources);
  const log = join(one.node.folder, "calls");
  writeFileSync(join(one.path, "slow"), slowIpam(log), { mode: 0o755 });
  const input = join(one.node.folder, "config");
  writeFileSync(input, JSON.stringify({ ...JSON.parse(config), ipam: { type: "slow" } }));
  const caller = one.node.start(["sh", "-c", `exec ${one.path}/bridge <${input}`], {
    env: environment(one.path, "ADD"),
  });
  const calls = () => (existsSync(log) ? readFileSync(log, "utf8") : "");
  for (let round = 0; round < 3000 && calls() === ""; round++) await Bun.sleep(10);
  caller.kill();
  for (let round = 0; round < 3000 && !calls().includes("DEL"); round++) await Bun.sleep(10);
  expect(calls()).toBe("ADD\nDEL\n");
  expect(await remainsAtLast(one.node)).toEqual(nothingRemains);
});

/** An IPAM plugin that takes its time, and writes down each call. */
function slowIpam(log: string): string {
  const result = { cniVersion: "1.0.0", ips: [{ address: "10.77.0.9/24" }] };
  return `#!/bin/sh
echo "$CNI_COMMAND" >>${log}
[ "$CNI_COMMAND" = ADD ] || exit 0
sleep 2
echo '${JSON.stringify(result)}'
`;
}
