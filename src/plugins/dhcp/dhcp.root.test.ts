// The dhcp plugin with real servers: leases got, renewed, taken up again by the next keeper, given back.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cable, callDhcp, clientId, DhcpNode, fastestMs, podMac, resultOf, standaloneHost } from "#test/dhcp-node.ts";
import { type DhcpOptions, startDhcpServer } from "#test/peers/dhcp.ts";
import { Sandbox } from "#test/sandbox.ts";
import { until } from "#test/until.ts";

setDefaultTimeout(120_000);

const pool = {
  from: "10.7.0.100",
  to: "10.7.0.150",
  subnet: "10.7.0.0/20",
  leaseSeconds: 120,
  router: "10.7.0.1",
  dns: ["10.7.0.1", "10.7.0.2"],
  domain: "pods.test",
  search: ["a.test", "b.test"],
} as const;
const short = { ...pool, leaseSeconds: 6 };

const servers: readonly DhcpOptions["server"][] = ["dnsmasq", "dhcpd"];
for (const server of servers) {
  describe(`dhcp with ${server}`, () => {
    test("ADD gets a lease well within a second, CHECK finds it, DEL gives it back", async () => {
      using box = new Sandbox();
      const { server: ns, pod } = cable(box);
      const dhcpd = await startDhcpServer({ box, netns: ns, link: "eth0", server, v4: pool });
      using node = new DhcpNode(box);
      const provide = [{ option: "host-name", fromArg: "K8S_POD_NAME" }];
      let result: ReturnType<typeof resultOf> = {};
      const add = async () => {
        result = resultOf(await node.call("ADD", pod.path, { provide, priority: 50 }));
      };
      const undo = async () => void (await node.call("DEL", pod.path));
      expect(await fastestMs(1_000, add, undo)).toBeLessThan(1_000);
      const [lease, ...others] = dhcpd.leases();
      expect(others).toEqual([]);
      expect(lease).toMatchObject({ mac: podMac, clientId, hostname: "shop-0" });
      expect(result).toEqual({
        cniVersion: "1.1.0",
        ips: [{ address: `${lease?.address}/20`, gateway: "10.7.0.1" }],
        routes: [{ dst: "0.0.0.0/0", gw: "10.7.0.1", priority: 50 }],
        dns: { nameservers: ["10.7.0.1", "10.7.0.2"], domain: "pods.test", search: ["a.test", "b.test"] },
      });
      expect(await node.call("CHECK", pod.path, {}, { prevResult: result as never })).toMatchObject({ exitCode: 0 });
      const wrong = { ...result, ips: [{ address: "10.7.0.99/20" }] };
      const checked = await node.call("CHECK", pod.path, {}, { prevResult: wrong });
      expect(JSON.parse(checked.stdout)).toMatchObject({
        code: 999,
        msg: expect.stringContaining("the DHCP lease is for 10.7.0.1"),
      });
      expect(await node.call("DEL", pod.path)).toMatchObject({ exitCode: 0 });
      await until(() => dhcpd.log().includes("DHCPRELEASE") && dhcpd.leases().length === 0);
      expect(await node.call("DEL", pod.path)).toMatchObject({ exitCode: 0 });
      expect((await node.call("CHECK", pod.path, {}, { prevResult: result as never })).exitCode).toBe(1);
    });

    test("classless routes and the MTU that was asked for are in the result", async () => {
      using box = new Sandbox();
      const { server: ns, pod } = cable(box);
      const classlessRoutes = [
        ["10.9.0.0/16", "10.7.0.3"],
        ["10.8.0.0/16", "0.0.0.0"],
      ] as const;
      const v4 = { ...pool, mtu: 1400, classlessRoutes };
      await startDhcpServer({ box, netns: ns, link: "eth0", server, v4 });
      using node = new DhcpNode(box);
      const result = resultOf(await node.call("ADD", pod.path, { request: [{ option: "interface-mtu" }] }));
      expect(result["routes"]).toEqual([
        { dst: "10.9.0.0/16", gw: "10.7.0.3", mtu: 1400 },
        { dst: "10.8.0.0/16", mtu: 1400, scope: 253 },
      ]);
    });
  });
}

test("a lease is renewed by the server that gave it, and by the keeper's successor", async () => {
  using box = new Sandbox();
  const { server: ns, pod } = cable(box);
  const dhcpd = await startDhcpServer({ box, netns: ns, link: "eth0", server: "dhcpd", v4: short });
  const requests = () => dhcpd.log().split("DHCPACK on").length - 1;
  let node = new DhcpNode(box);
  try {
    const result = resultOf(await node.call("ADD", pod.path));
    await until(
      () => requests() >= 2,
      () => dhcpd.log() + node.lines.join("\n"),
    );
    node[Symbol.dispose]();
    const before = requests();
    node = new DhcpNode(box, node.runDir);
    await until(
      () => requests() > before,
      () => dhcpd.log() + node.lines.join("\n"),
    );
    expect(await node.call("CHECK", pod.path, {}, { prevResult: result as never })).toMatchObject({ exitCode: 0 });
    await node.call("DEL", pod.path);
    await until(() => dhcpd.leases().length === 0);
    expect(node.lines).toEqual([]);
  } finally {
    node[Symbol.dispose]();
  }
});

test("a lease that cannot be recorded is given back, and ADD fails", async () => {
  using box = new Sandbox();
  const { server: ns, pod } = cable(box);
  const dhcpd = await startDhcpServer({ box, netns: ns, link: "eth0", server: "dnsmasq", v4: pool });
  using node = new DhcpNode(box);
  writeFileSync(join(node.runDir, "dhcp"), "in the way of the folder");
  expect(await node.call("ADD", pod.path)).toMatchObject({ exitCode: 1 });
  await until(() => dhcpd.log().includes("DHCPRELEASE") && dhcpd.leases().length === 0);
});

test("when the server falls silent the lease runs out and the interface goes down", async () => {
  using box = new Sandbox();
  const { server: ns, pod } = cable(box);
  const dhcpd = await startDhcpServer({
    box,
    netns: ns,
    link: "eth0",
    server: "dhcpd",
    v4: { ...pool, leaseSeconds: 3 },
  });
  using node = new DhcpNode(box);
  const result = resultOf(await node.call("ADD", pod.path));
  dhcpd.stop();
  await until(
    () => !/[<,]UP[,>]/.test(box.sh(pod, ["ip", "link", "show", "eth0"])),
    () => node.lines.join("\n"),
  );
  expect(node.lines.at(-1)).toContain("has run out: eth0");
  const checked = await node.call("CHECK", pod.path, {}, { prevResult: result as never });
  expect(JSON.parse(checked.stdout).msg).toContain("has no DHCP lease");
  expect(await node.call("DEL", pod.path)).toMatchObject({ exitCode: 0 });
});

test("a server without memory takes up a lease that it may give", async () => {
  using box = new Sandbox();
  const { server: ns, pod } = cable(box);
  const first = await startDhcpServer({ box, netns: ns, link: "eth0", server: "dhcpd", v4: short });
  using node = new DhcpNode(box);
  const result = resultOf(await node.call("ADD", pod.path));
  first.stop();
  const elsewhere = { ...short, from: "10.7.0.90", to: "10.7.0.110" };
  const second = await startDhcpServer({ box, netns: ns, link: "eth0", server: "dhcpd", v4: elsewhere });
  await until(
    () => second.log().includes("DHCPACK"),
    () => second.log() + node.lines.join("\n"),
  );
  expect(await node.call("CHECK", pod.path, {}, { prevResult: result as never })).toMatchObject({ exitCode: 0 });
});

test("without a server ADD asks to try again later, and DEL ends it at once", async () => {
  using box = new Sandbox();
  const { pod } = cable(box);
  using node = new DhcpNode(box, box.dir(), { answerMs: 500, resendMaxMs: 500, totalMs: 600 });
  const added = await node.call("ADD", pod.path);
  expect(JSON.parse(added.stdout)).toMatchObject({
    code: 11,
    msg: expect.stringContaining("no DHCP server answered within 0.6 s"),
  });
  using patient = new DhcpNode(box);
  const pending = patient.call("ADD", pod.path);
  await Bun.sleep(100);
  const began = performance.now();
  await patient.call("DEL", pod.path);
  expect(JSON.parse((await pending).stdout).msg).toContain("given up");
  // Long before it would have given up by itself.
  expect(performance.now() - began).toBeLessThan(5_000);
});

describe("what is gone", () => {
  test("an interface that is not there yet is named", async () => {
    using box = new Sandbox();
    const pod = box.netns("pod");
    using node = new DhcpNode(box);
    const added = await node.call("ADD", pod.path);
    expect(JSON.parse(added.stdout).msg).toContain('has no interface "eth0"');
    expect(JSON.parse((await node.call("ADD", "/run/netns/none-such")).stdout).code).toBe(8);
  });

  test("DEL succeeds without interface, namespace and NETNS, and GC releases what no container has", async () => {
    using box = new Sandbox();
    const { server: ns, pod } = cable(box);
    const dhcpd = await startDhcpServer({ box, netns: ns, link: "eth0", server: "dnsmasq", v4: pool });
    using node = new DhcpNode(box);
    resultOf(await node.call("ADD", pod.path));
    const keep = [{ containerID: "pod-1", ifname: "eth0" }];
    await node.call("GC", "", {}, { "cni.dev/valid-attachments": keep });
    await node.call("GC", "");
    expect(dhcpd.leases()).toHaveLength(1);
    await node.call("GC", "", {}, { "cni.dev/valid-attachments": [] });
    await until(() => dhcpd.leases().length === 0);
    resultOf(await node.call("ADD", pod.path));
    box.sh(pod, ["ip", "link", "delete", "eth0"]);
    for (const netns of [pod.path, "", "/run/netns/none-such"]) {
      expect(await node.call("DEL", netns)).toMatchObject({ exitCode: 0 });
    }
    expect(await node.call("STATUS", "")).toMatchObject({ exitCode: 0 });
  });
});

test("without service and daemon ADD and STATUS say what to start, and DEL gives a recorded lease back", async () => {
  using box = new Sandbox();
  const { server: ns, pod } = cable(box);
  const dhcpd = await startDhcpServer({ box, netns: ns, link: "eth0", server: "dnsmasq", v4: pool });
  const gone = new DhcpNode(box);
  resultOf(await gone.call("ADD", pod.path));
  gone[Symbol.dispose]();
  using standalone = standaloneHost(gone.runDir);
  const ipam = { daemonSocketPath: `${box.dir()}/dhcp.sock` };
  const added = await callDhcp(standalone, "ADD", pod.path, ipam);
  expect(JSON.parse(added.stdout)).toMatchObject({ code: 11, msg: expect.stringContaining("dhcp daemon -socketpath") });
  const status = await callDhcp(standalone, "STATUS", "", ipam);
  expect(JSON.parse(status.stdout)).toMatchObject({ code: 50, msg: expect.stringContaining("twill plugins") });
  expect(dhcpd.leases()).toHaveLength(1);
  expect(await callDhcp(standalone, "DEL", pod.path, ipam)).toMatchObject({ exitCode: 0 });
  await until(() => dhcpd.leases().length === 0);
});
