// portmap with real packets: from outside, from the node, from neighbours and from the pod itself.

import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import type { Host } from "#plugins/host.ts";
import { TestAttachment } from "#test/attachment.ts";
import { testHost } from "#test/host.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { addBridge, addPod, ask, askBriefly, makeWorld, podResult, startEcho, type World } from "#test/traffic.ts";
import { portmap } from "./plugin.ts";

/** A pod of the bridge cni0, 10.1.0.`host`. */
function attach(pod: Netns, number: number, host: Host, conf: JsonObject): TestAttachment {
  const prevResult = podResult(pod, "cni0", 1, number);
  return new TestAttachment({
    ...{ plugin: portmap, host, netns: pod.path, containerId: `pod${number}` },
    conf: { prevResult, ...conf },
  });
}

function mapped(...portMappings: readonly JsonObject[]): JsonObject {
  return { runtimeConfig: { portMappings } };
}

const web = { hostPort: 8080, containerPort: 80, protocol: "tcp" };

function bridgedWorld(box: Sandbox): World & { readonly pod: Netns; readonly neighbour: Netns } {
  const world = makeWorld(box);
  addBridge(box, world, "cni0", 1);
  return { ...world, pod: addPod(box, world, "cni0", 1, 5), neighbour: addPod(box, world, "cni0", 1, 6) };
}

describe("portmap", () => {
  test("a mapped port is reached from outside, from the node, by localhost, from a neighbour and by hairpin", async () => {
    using box = new Sandbox();
    const { node, outside, pod, neighbour } = bridgedWorld(box);
    using host = testHost(box, node);
    await startEcho(box, pod, { port: 80, name: "web" });
    // Where br_netfilter is loaded the bridge itself turns the pod's packets back: what the bridge plugin's hairpinMode is for.
    box.sh(node, ["ip", "link", "set", "v1x5", "type", "bridge_slave", "hairpin", "on"]);
    const attachment = attach(pod, 5, host, mapped(web));
    await attachment.add();
    expect(ask(box, outside, "192.0.2.1", 8080)).toBe("web 192.0.2.2");
    expect(ask(box, outside, "fd02::1", 8080)).toBe("web fd02::2");
    expect(ask(box, node, "192.0.2.1", 8080)).toStartWith("web ");
    expect(ask(box, node, "127.0.0.1", 8080)).toBe("web 10.1.0.1");
    expect(ask(box, neighbour, "10.1.0.1", 8080)).toBe("web 10.1.0.1");
    expect(ask(box, neighbour, "fd01::1", 8080)).toBe("web fd01::1");
    expect(ask(box, pod, "10.1.0.1", 8080)).toBe("web 10.1.0.1");
    await attachment.check();
    await attachment.del();
    expect(askBriefly(box, outside, "192.0.2.1", 8080)).toBe("");
  });

  test("masqAll hides every client behind the node, snat=false hides none", async () => {
    using box = new Sandbox();
    const { node, outside, pod, neighbour } = bridgedWorld(box);
    using host = testHost(box, node);
    await startEcho(box, pod, { port: 80, name: "web" });
    await attach(pod, 5, host, { ...mapped(web), masqAll: true }).add();
    expect(ask(box, outside, "192.0.2.1", 8080)).toBe("web 10.1.0.1");
    await attach(pod, 5, host, { ...mapped(web), snat: false }).add();
    expect(ask(box, outside, "192.0.2.1", 8080)).toBe("web 192.0.2.2");
    // Bridges that show their packets to nftables translate the direct answer, too; others let it go astray.
    expect(["", "web 10.1.0.6"]).toContain(askBriefly(box, neighbour, "10.1.0.1", 8080));
  });

  test("a mapping with hostIP answers on that address only; 0.0.0.0 is any of IPv4", async () => {
    using box = new Sandbox();
    const { node, outside, pod } = bridgedWorld(box);
    using host = testHost(box, node);
    await startEcho(box, pod, { port: 80, name: "web" });
    const conf = mapped({ ...web, hostIP: "127.0.0.1" }, { ...web, hostPort: 8081, hostIP: "0.0.0.0" });
    await attach(pod, 5, host, conf).add();
    expect(ask(box, node, "127.0.0.1", 8080)).toStartWith("web");
    expect(askBriefly(box, outside, "192.0.2.1", 8080)).toBe("");
    expect(ask(box, outside, "192.0.2.1", 8081)).toStartWith("web");
    expect(askBriefly(box, outside, "fd02::1", 8081)).toBe("");
  });

  test("a UDP sender that goes on reaches the new container of a port at once", async () => {
    using box = new Sandbox();
    const { node, outside, pod, neighbour } = bridgedWorld(box);
    using host = testHost(box, node);
    await startEcho(box, pod, { protocol: "udp", port: 53, name: "old" });
    await startEcho(box, neighbour, { protocol: "udp", port: 53, name: "new" });
    const conf = mapped({ hostPort: 5353, containerPort: 53, protocol: "udp" });
    const client = [
      "import socket, time",
      "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 4000)); s.settimeout(0.2)",
      "last = ''",
      "for _ in range(5000):",
      "  s.sendto(b'x', ('192.0.2.1', 5353))",
      "  try: name = s.recv(99).decode().split()[0]",
      "  except OSError: name = 'nobody'",
      "  if name != last: print(name, flush=True)",
      "  last = name; time.sleep(0.02)",
    ];
    const sender = box.start(outside, ["python3", "-c", client.join("\n")]);
    const heard = async (name: string) => {
      for (let i = 0; i < 1500 && !sender.output().includes(name); i++) await Bun.sleep(20);
      return sender.output().trim().split("\n");
    };
    await heard("nobody");
    const old = attach(pod, 5, host, conf);
    await old.add();
    expect(await heard("old")).toEqual(["nobody", "old"]);
    await old.del();
    await attach(neighbour, 6, host, conf).add();
    expect(await heard("new")).toContain("new");
    sender.kill();
  });

  test("route_localnet opens the way for the node's localhost, not the node's localhost for pods", async () => {
    using box = new Sandbox();
    const { node, pod, neighbour } = bridgedWorld(box);
    using host = testHost(box, node);
    await startEcho(box, node, { port: 9000, name: "private" });
    const attachment = attach(pod, 5, host, mapped(web));
    await attachment.add();
    expect(box.sh(node, ["cat", "/proc/sys/net/ipv4/conf/cni0/route_localnet"]).trim()).toBe("1");
    expect(box.sh(node, ["cat", "/proc/sys/net/ipv4/conf/vout/route_localnet"]).trim()).toBe("0");
    box.sh(neighbour, ["ip", "link", "set", "lo", "down"]);
    box.sh(neighbour, ["ip", "route", "add", "127.0.0.1/32", "via", "10.1.0.1", "src", "10.1.0.6"]);
    box.sh(neighbour, ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet"]);
    expect(askBriefly(box, neighbour, "127.0.0.1", 9000)).toBe("");
    expect(ask(box, node, "127.0.0.1", 9000)).toBe("private 127.0.0.1");
    box.sh(node, ["sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/cni0/route_localnet"]);
    await expect(attachment.check()).rejects.toThrow("route_localnet of cni0 is off");
  });
});
