// The chain that runtimes configure, bridge with masquerading, portmap and firewall, with real packets.

import { expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import { bridge } from "#plugins/bridge/plugin.ts";
import { firewall } from "#plugins/firewall/plugin.ts";
import { TestAttachment } from "#test/attachment.ts";
import { testHost } from "#test/host.ts";
import { Sandbox } from "#test/sandbox.ts";
import { ask, makeWorld, startEcho } from "#test/traffic.ts";
import { portmap } from "./plugin.ts";

test("a pod behind bridge, portmap and firewall is reached and reaches out by both families, and leaves nothing", async () => {
  using box = new Sandbox();
  const { node, outside } = makeWorld(box);
  const pod = box.netns("pod");
  using host = testHost(box, node);
  const cniVersion = "1.0.0";
  const ranges = [[{ subnet: "10.7.0.0/24" }], [{ subnet: "fd07::/64" }]];
  const routes = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }];
  const bridgeConf = {
    ...{ cniVersion, bridge: "cni0", isGateway: true, ipMasq: true, hairpinMode: true },
    ipam: { type: "host-local", dataDir: box.dir(), ranges, routes },
  };
  const first = new TestAttachment({ host, netns: pod.path, plugin: bridge, conf: bridgeConf });
  const prevResult = (await first.add()) as unknown as JsonObject;
  const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];
  const chained = [
    { plugin: portmap, conf: { cniVersion, prevResult, runtimeConfig: { portMappings } } },
    { plugin: firewall, conf: { cniVersion, prevResult, ingressPolicy: "same-bridge" } },
  ].map((each) => new TestAttachment({ host, netns: pod.path, ...each }));
  for (const attachment of chained) await attachment.add();
  await startEcho(box, pod, { port: 80, name: "web" });
  await startEcho(box, outside, { port: 80, name: "out" });
  expect(ask(box, outside, "192.0.2.1", 8080)).toBe("web 192.0.2.2");
  expect(ask(box, outside, "fd02::1", 8080)).toBe("web fd02::2");
  expect(ask(box, pod, "192.0.2.2", 80)).toBe("out 192.0.2.1");
  expect(ask(box, pod, "fd02::2", 80)).toBe("out fd02::1");
  expect(ask(box, node, "127.0.0.1", 8080)).toBe("web 10.7.0.1");
  expect(ask(box, pod, "192.0.2.1", 8080)).toBe("web 10.7.0.1");
  for (const attachment of [first, ...chained]) await attachment.check();
  for (const attachment of [...chained.reverse(), first]) await attachment.del();
  expect(box.sh(node, ["nft", "list", "ruleset"])).not.toContain("elements");
  for (const plugin of ["bridge", "portmap", "firewall"]) expect(host.ledger.list("net", plugin)).toEqual([]);
}, 120_000);
