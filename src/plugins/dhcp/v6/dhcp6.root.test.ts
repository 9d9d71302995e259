// DHCPv6 with real servers: leases got, renewed, taken up again by the next keeper, given back; alone and beside IPv4.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { LeaseStore } from "#plugins/dhcp/lease-store.ts";
import { cable, DhcpNode, fastestMs, resultOf } from "#test/dhcp-node.ts";
import { type DhcpOptions, startDhcpServer } from "#test/peers/dhcp.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { until } from "#test/until.ts";

setDefaultTimeout(120_000);

const v6 = {
  from: "fd00:7::100",
  to: "fd00:7::150",
  subnet: "fd00:7::/64",
  leaseSeconds: 120,
  dns: ["fd00:7::1"],
  search: ["a.test", "b.test"],
} as const;
const v4 = {
  from: "10.7.0.100",
  to: "10.7.0.150",
  subnet: "10.7.0.0/20",
  leaseSeconds: 120,
  router: "10.7.0.1",
} as const;
const ipam = { families: ["ipv6"] };
const both = { families: ["ipv4", "ipv6"] };
const id = { network: "lan", containerId: "pod-1", ifname: "eth0" };

/** The client's identifier as servers write it. */
function duidIn(node: DhcpNode): string {
  const [key] = new LeaseStore(`${node.runDir}/dhcp`).list().filter(({ family }) => family === "ipv6");
  const record = key === undefined ? undefined : new LeaseStore(`${node.runDir}/dhcp`).read(key);
  if (record?.family !== "ipv6") throw new Error("There is no record of a DHCPv6 lease");
  return Buffer.from(record.terms.duid)
    .toString("hex")
    .replace(/..(?=.)/g, "$&:");
}

function giveAddress(box: Sandbox, pod: Netns, address: unknown): void {
  box.sh(pod, ["ip", "address", "add", `${address}/128`, "dev", "eth0", "nodad"]);
}

const servers: readonly DhcpOptions["server"][] = ["dnsmasq", "dhcpd"];
for (const server of servers) {
  describe(`DHCPv6 with ${server}`, () => {
    test("ADD gets a lease, CHECK finds it, DEL gives it back", async () => {
      using box = new Sandbox();
      const { server: ns, pod } = cable(box);
      const served = await startDhcpServer({ box, netns: ns, link: "eth0", server, v6 });
      using node = new DhcpNode(box);
      const provide = [{ option: "host-name", fromArg: "K8S_POD_NAME" }];
      const routes = [{ dst: "::/0", gw: "fe80::1" }];
      let result: ReturnType<typeof resultOf> = {};
      const add = async () => {
        result = resultOf(await node.call("ADD", pod.path, { ...ipam, provide, routes, priority: 50 }));
      };
      // dnsmasq commits at once; with others the first SOLICIT waits for a better offer.
      const limitMs = server === "dnsmasq" ? 900 : 2_000;
      const undo = async () => void (await node.call("DEL", pod.path, ipam));
      expect(await fastestMs(limitMs, add, undo)).toBeLessThan(limitMs);
      // dnsmasq answers before it writes its file.
      await until(() => served.leases().length > 0);
      const [lease, ...others] = served.leases();
      expect(others).toEqual([]);
      expect(lease?.clientId).toBe(duidIn(node));
      if (server === "dnsmasq") expect(lease?.hostname).toBe("shop-0");
      expect(result).toEqual({
        cniVersion: "1.1.0",
        ips: [{ address: `${lease?.address}/128` }],
        routes,
        dns: { nameservers: ["fd00:7::1"], search: ["a.test", "b.test"] },
      });
      const prevResult = result as never;
      expect(await node.call("CHECK", pod.path, ipam, { prevResult })).toMatchObject({ exitCode: 0 });
      const checked = await node.call("CHECK", pod.path, both, { prevResult });
      expect(JSON.parse(checked.stdout).msg).toContain("eth0 has no DHCP lease");
      expect(await node.call("DEL", pod.path, ipam)).toMatchObject({ exitCode: 0 });
      await until(
        () => served.leases().length === 0,
        () => served.log(),
      );
      expect(await node.call("DEL", pod.path, ipam)).toMatchObject({ exitCode: 0 });
      expect(new LeaseStore(`${node.runDir}/dhcp`).list()).toEqual([]);
    });

    test("one attachment has both families, and DEL gives both back whatever it is configured by then", async () => {
      using box = new Sandbox();
      const { server: ns, pod } = cable(box);
      const served = await startDhcpServer({ box, netns: ns, link: "eth0", server, v4, v6 });
      using node = new DhcpNode(box);
      const result = resultOf(await node.call("ADD", pod.path, both));
      await until(() => served.leases().length === 2);
      const addresses = served.leases().map(({ address }) => address);
      const inResult = (result["ips"] as { address: string }[]).map(({ address }) => address.split("/")[0]);
      expect(new Set(inResult)).toEqual(new Set(addresses));
      expect(await node.call("CHECK", pod.path, both, { prevResult: result as never })).toMatchObject({ exitCode: 0 });
      await node.call("DEL", pod.path);
      await until(
        () => served.leases().length === 0,
        () => served.log(),
      );
    });
  });
}

test("a lease is renewed by the server that gave it, and by the keeper's successor", async () => {
  using box = new Sandbox();
  const { server: ns, pod } = cable(box);
  const short = { ...v6, leaseSeconds: 6 };
  const served = await startDhcpServer({ box, netns: ns, link: "eth0", server: "dhcpd", v6: short });
  const renewals = () => served.log().split("Renew message").length - 1;
  let node = new DhcpNode(box);
  const told = () => served.log() + node.lines.join("\n");
  try {
    const result = resultOf(await node.call("ADD", pod.path, ipam));
    giveAddress(box, pod, served.leases()[0]?.address);
    await until(() => renewals() >= 1, told);
    node[Symbol.dispose]();
    const before = renewals();
    node = new DhcpNode(box, node.runDir);
    await until(() => renewals() > before, told);
    expect(await node.call("CHECK", pod.path, ipam, { prevResult: result as never })).toMatchObject({ exitCode: 0 });
    await node.call("DEL", pod.path, ipam);
    await until(() => served.leases().length === 0, told);
    expect(node.lines).toEqual([]);
  } finally {
    node[Symbol.dispose]();
  }
});

test("another server takes over a lease that its first server fell silent about", async () => {
  using box = new Sandbox();
  const { server: ns, pod } = cable(box);
  const short = { ...v6, leaseSeconds: 6 };
  const first = await startDhcpServer({ box, netns: ns, link: "eth0", server: "dhcpd", v6: short });
  using node = new DhcpNode(box);
  const result = resultOf(await node.call("ADD", pod.path, ipam));
  const [lease] = first.leases();
  first.stop();
  const second = await startDhcpServer({ box, netns: ns, link: "eth0", server: "dnsmasq", v6 });
  await until(
    () => second.leases().some(({ address }) => address === lease?.address),
    () => second.log() + node.lines.join("\n"),
  );
  expect(await node.call("CHECK", pod.path, ipam, { prevResult: result as never })).toMatchObject({ exitCode: 0 });
});

test("when the server falls silent the address goes; the interface stays while the other family's lease lives", async () => {
  using box = new Sandbox();
  const { server: ns, pod } = cable(box);
  const short = { ...v6, leaseSeconds: 3 };
  const served6 = await startDhcpServer({ box, netns: ns, link: "eth0", server: "dhcpd", v6: short });
  await startDhcpServer({ box, netns: ns, link: "eth0", server: "dhcpd", v4 });
  using node = new DhcpNode(box);
  const result = resultOf(await node.call("ADD", pod.path, both));
  const [lease] = served6.leases();
  giveAddress(box, pod, lease?.address);
  served6.stop();
  await until(
    () => !box.sh(pod, ["ip", "-6", "address", "show", "dev", "eth0"]).includes(`${lease?.address}`),
    () => node.lines.join("\n"),
  );
  expect(node.lines.at(-1)).toBe(`The DHCPv6 lease of pod-1/lan/eth0 has run out: ${lease?.address}/128 is removed`);
  expect(box.sh(pod, ["ip", "link", "show", "eth0"])).toContain("state UP");
  const checked = await node.call("CHECK", pod.path, both, { prevResult: result as never });
  expect(JSON.parse(checked.stdout).msg).toContain("has no DHCPv6 lease");
  expect(await node.call("DEL", pod.path, both)).toMatchObject({ exitCode: 0 });
});

test("without a server of one family ADD fails, gives the other's lease back, and names the missing one", async () => {
  using box = new Sandbox();
  const { server: ns, pod } = cable(box);
  const served = await startDhcpServer({ box, netns: ns, link: "eth0", server: "dnsmasq", v4 });
  using node = new DhcpNode(box, box.dir(), { answerMs: 500, resendMaxMs: 500, totalMs: 1_300 });
  const added = await node.call("ADD", pod.path, both);
  expect(JSON.parse(added.stdout)).toMatchObject({
    code: 11,
    msg: expect.stringContaining("no DHCPv6 server answered"),
  });
  await until(() => served.log().includes("DHCPRELEASE") && served.leases().length === 0);
  expect(new LeaseStore(`${node.runDir}/dhcp`).list()).toEqual([]);
});

test("the client speaks at once, where the kernel still looks for duplicates of its link-local address or has none", async () => {
  for (const prepare of [
    ["sysctl", "-q", "-w", "net.ipv6.conf.eth0.accept_dad=1"],
    ["ip", "link", "set", "eth0", "addrgenmode", "none"],
    ["sysctl", "-q", "-w", "net.ipv6.conf.eth0.disable_ipv6=1"],
  ]) {
    using box = new Sandbox();
    const { server: ns, pod } = cable(box);
    box.sh(pod, prepare);
    const served = await startDhcpServer({ box, netns: ns, link: "eth0", server: "dnsmasq", v6 });
    using node = new DhcpNode(box);
    const add = async () => void resultOf(await node.call("ADD", pod.path, ipam));
    const undo = async () => {
      await node.call("DEL", pod.path, ipam);
      box.sh(pod, ["ip", "link", "set", "eth0", "down"]);
    };
    expect(await fastestMs(900, add, undo)).toBeLessThan(900);
    await until(() => served.leases().length === 1);
    expect(box.sh(pod, ["ip", "-6", "address", "show", "tentative"])).toBe("");
  }
});

test("GC gives back the leases of both families, and DEL without an interface succeeds", async () => {
  using box = new Sandbox();
  const { server: ns, pod } = cable(box);
  const served = await startDhcpServer({ box, netns: ns, link: "eth0", server: "dnsmasq", v4, v6 });
  using node = new DhcpNode(box);
  resultOf(await node.call("ADD", pod.path, both));
  await node.call("GC", "", both, { "cni.dev/valid-attachments": [{ containerID: "pod-1", ifname: "eth0" }] });
  await until(() => served.leases().length === 2);
  await node.call("GC", "", both, { "cni.dev/valid-attachments": [] });
  await until(
    () => served.leases().length === 0,
    () => served.log(),
  );
  resultOf(await node.call("ADD", pod.path, both));
  box.sh(pod, ["ip", "link", "set", "eth0", "down"]);
  expect(await node.call("DEL", pod.path, both)).toMatchObject({ exitCode: 0 });
  expect(new LeaseStore(`${node.runDir}/dhcp`).read({ id, family: "ipv6" })).toBeUndefined();
});
