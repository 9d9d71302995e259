// The harness works: both servers give leases of both families with every option, and take them back.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "#test/until.ts";
import { type Netns, Sandbox } from "../sandbox.ts";
import { needsTools } from "../tools.ts";
import { type DhcpOptions, startDhcpServer } from "./dhcp.ts";

setDefaultTimeout(120_000);

const mac = "02:00:00:00:00:17";
const v4 = {
  from: "10.7.0.100",
  to: "10.7.0.150",
  subnet: "10.7.0.0/20",
  leaseSeconds: 120,
  router: "10.7.0.1",
  dns: ["10.7.0.1", "10.7.0.2"],
  domain: "pods.test",
  search: ["a.test", "b.test"],
  mtu: 1400,
  classlessRoutes: [
    ["10.9.0.0/16", "10.7.0.3"],
    ["0.0.0.0/0", "10.7.0.1"],
  ],
} as const;
const v6 = { from: "fd00:7::100", to: "fd00:7::150", subnet: "fd00:7::/64", leaseSeconds: 120, dns: ["fd00:7::1"] };

const rows: readonly DhcpOptions["server"][] = ["dnsmasq", "dhcpd"];
for (const server of rows) {
  describe(`startDhcpServer() with ${server}`, () => {
    test("gives an IPv4 lease with every option, and notices its release", async () => {
      using box = new Sandbox();
      const { host, pod } = link(box);
      const dhcp = await startDhcpServer({ box, netns: host, link: "eth0", server, v4 });
      expect(dhcp.leases()).toEqual([]);
      const script = join(box.dir(), "script");
      // The address must be there, or the client could not send the release from it.
      const bound = '[ "$1" = bound ] && env && ip address add "$ip/$mask" dev "$interface"';
      writeFileSync(script, `#!/bin/bash\n${bound}\nexit 0\n`, { mode: 0o755 });
      const client = ["busybox", "udhcpc", "-f", "-R", "-n", "-i", "eth0", "-s", script, "-x", "hostname:pod-1"];
      const asked = ["router", "dns", "domain", "search", "mtu", "staticroutes"].flatMap((name) => ["-O", name]);
      const started = box.start(pod, [...client, ...asked]);
      await until(() => started.output().includes("lease="));
      for (const line of [
        "ip=10.7.0.1",
        "mask=20",
        "router=10.7.0.1",
        "dns=10.7.0.1 10.7.0.2",
        "domain=pods.test",
        "search=a.test b.test",
        "mtu=1400",
        "staticroutes=10.9.0.0/16 10.7.0.3 0.0.0.0/0 10.7.0.1",
        "lease=120",
      ]) {
        expect(started.output()).toContain(`\n${line}`);
      }
      const now = Math.floor(Date.now() / 1000);
      const [lease, ...others] = dhcp.leases();
      expect(others).toEqual([]);
      expect(lease).toMatchObject({ mac, hostname: "pod-1", clientId: `01:${mac}` });
      expect(lease?.address).toStartWith("10.7.0.1");
      expect(Math.abs((lease?.expires ?? 0) - now - 120)).toBeLessThan(10);
      process.kill(started.pid, "SIGTERM"); // With -R it gives its lease back on the way out.
      await until(() => dhcp.leases().length === 0 && dhcp.log().includes("DHCPRELEASE"));
    });

    test("gives an IPv6 lease", async () => {
      needsTools("ask for an IPv6 lease", { dhclient: "isc-dhcp-client" });
      using box = new Sandbox();
      const { host, pod } = link(box);
      const dhcp = await startDhcpServer({ box, netns: host, link: "eth0", server, v4, v6 });
      const folder = box.dir();
      await until(() => box.sh(pod, ["ip", "-6", "address", "show", "dev", "eth0", "tentative"]) === "");
      const files = ["-lf", join(folder, "leases"), "-pf", join(folder, "pid"), "-sf", "/bin/true"];
      box.start(pod, ["dhclient", "-6", "-d", ...files, "eth0"]);
      await until(() => dhcp.leases().length === 1);
      const [lease] = dhcp.leases();
      expect(lease?.address).toStartWith("fd00:7::1");
      expect(lease?.clientId).toContain(mac);
    });
  });
}

test("leases of dhcpd may be a few seconds long", async () => {
  using box = new Sandbox();
  const { host, pod } = link(box);
  const short = { ...v4, leaseSeconds: 3 };
  const dhcp = await startDhcpServer({ box, netns: host, link: "eth0", server: "dhcpd", v4: short });
  box.sh(pod, ["busybox", "udhcpc", "-f", "-q", "-n", "-i", "eth0", "-s", "/bin/true"]);
  expect(dhcp.leases()).toHaveLength(1);
  const expires = dhcp.leases()[0]?.expires ?? 0;
  expect(expires - Date.now() / 1000).toBeLessThan(4);
});

/** A server's namespace and a client's, joined by one cable. */
function link(box: Sandbox): { host: Netns; pod: Netns } {
  const host = box.netns("server");
  const pod = box.netns("client");
  box.sh(host, ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", pod.name]);
  // Looking for duplicates of an address would take a second or two, and there are none.
  for (const ns of [host, pod]) box.sh(ns, ["sysctl", "-q", "-w", "net.ipv6.conf.eth0.accept_dad=0"]);
  box.sh(host, ["ip", "address", "add", "10.7.0.1/20", "dev", "eth0"]);
  box.sh(host, ["ip", "address", "add", "fd00:7::1/64", "dev", "eth0", "nodad"]);
  box.sh(host, ["ip", "link", "set", "eth0", "up"]);
  box.sh(pod, ["ip", "link", "set", "eth0", "address", mac, "up"]);
  return { host, pod };
}
