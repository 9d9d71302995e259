// portmap's bookkeeping in a real kernel: owners, conflicts, undoing, and what each verb may touch. Seen by nft(8).

import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import type { OpenHost } from "#plugins/host.ts";
import { TestAttachment } from "#test/attachment.ts";
import { testHost } from "#test/host.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { portmap } from "./plugin.ts";

const web = { hostPort: 8080, containerPort: 80, protocol: "tcp" };

type Node = { readonly box: Sandbox; readonly ns: Netns; readonly host: OpenHost };

function makeNode(box: Sandbox): Node {
  const ns = box.netns("node");
  return { box, ns, host: testHost(box, ns) };
}

/** Container `number` has 10.1.0.`number` and fd01::`number`. */
function container({ host, ns }: Node, number: number, conf: JsonObject = mapped(web)): TestAttachment {
  const prevResult = {
    cniVersion: "1.1.0",
    interfaces: [{ name: "cni0" }, { name: "eth0", sandbox: ns.path }],
    ips: [
      { interface: 1, address: `10.1.${number >> 8}.${number & 255}/16` },
      { interface: 1, address: `fd01::${number.toString(16)}/64` },
    ],
  };
  const containerId = `pod${number}`;
  return new TestAttachment({ plugin: portmap, host, netns: ns.path, containerId, conf: { prevResult, ...conf } });
}

function mapped(...portMappings: readonly JsonObject[]): JsonObject {
  return { runtimeConfig: { portMappings } };
}

function ruleset({ box, ns }: Node): string {
  return box.sh(ns, ["nft", "list", "ruleset"]);
}

/** Keys and owners of all mapped ports, `tcp . 8080 = net/pod5:eth0:portmap : 10.1.0.5 . 80`. */
function ports(node: Node): readonly string[] {
  const lines = ruleset(node).matchAll(/([^\s,{}=][^,{}=\n]*) comment "([^"]*)" : ([^,}\n]*)/g);
  return [...lines].map(([, key, owner, value]) => `${key} = ${owner} : ${value?.trim()}`).sort();
}

describe("portmap", () => {
  test("ADD answers with the previous result, and without mappings touches nothing", async () => {
    using box = new Sandbox();
    const node = makeNode(box);
    using _host = node.host;
    const result = await container(node, 5, {}).add();
    expect(result.ips?.map(({ address }) => address)).toEqual(["10.1.0.5/16", "fd01::5/64"]);
    expect(ruleset(node)).toBe("");
  });

  test("ADD owns one element a port and family, and one an address", async () => {
    using box = new Sandbox();
    const node = makeNode(box);
    using _host = node.host;
    await container(node, 5, mapped(web, { ...web, protocol: "SCTP", hostIP: "192.0.2.1" })).add();
    expect(ports(node)).toEqual([
      "10.1.0.5 = net/pod5:eth0:portmap : goto own_10.1.0.0/16",
      "192.0.2.1 . sctp . 8080 = net/pod5:eth0:portmap : 10.1.0.5 . 80",
      "fd01::5 = net/pod5:eth0:portmap : goto own_fd01__/64",
      "tcp . 8080 = net/pod5:eth0:portmap : 10.1.0.5 . 80",
      "tcp . 8080 = net/pod5:eth0:portmap : fd01::5 . 80",
    ]);
  });

  test("keys may be written with capitals, as podman does", async () => {
    using box = new Sandbox();
    const node = makeNode(box);
    using _host = node.host;
    await container(node, 5, mapped({ HostPort: 8080, ContainerPort: 80, Protocol: "tcp", HostIP: "" })).add();
    expect(ports(node)).toContain("tcp . 8080 = net/pod5:eth0:portmap : 10.1.0.5 . 80");
  });

  test("DEL without prevResult and without runtimeConfig removes everything", async () => {
    using box = new Sandbox();
    const node = makeNode(box);
    using _host = node.host;
    await container(node, 6, mapped({ ...web, hostPort: 81 })).add();
    const before = ports(node);
    await container(node, 5).add();
    const bare = new TestAttachment({ plugin: portmap, host: node.host, conf: {}, netns: "", containerId: "pod5" });
    await bare.del();
    expect(ports(node)).toEqual(before);
    await bare.del();
    await container(node, 6).del();
    expect(ruleset(node)).not.toMatch(/elements|own_/);
  });

  test("DEL works from what the runtime tells when the record is lost", async () => {
    using box = new Sandbox();
    const node = makeNode(box);
    using _host = node.host;
    const attachment = container(node, 5);
    await attachment.add();
    node.host.ledger.remove({ network: "net", containerId: "pod5", ifname: "eth0", plugin: "portmap" });
    await attachment.del();
    expect(ports(node)).toEqual([]);
  });

  test("DEL of a container that was never added succeeds, also with a configuration that ADD refuses", async () => {
    using box = new Sandbox();
    const node = makeNode(box);
    using _host = node.host;
    await container(node, 5).del();
    await container(node, 5, { ...mapped(web), backend: "iptables" }).del();
    expect(ruleset(node)).toBe("");
  });

  test("a port that a second container takes is its own: the first one's DEL leaves it, its CHECK names the taker", async () => {
    using box = new Sandbox();
    const node = makeNode(box);
    using _host = node.host;
    const [first, second] = [container(node, 5), container(node, 6)];
    await first.add();
    await second.add();
    await expect(first.check()).rejects.toThrow(
      "element tcp . 8080 of any4 in nftables table inet twill_portmap belongs to net/pod6:eth0:portmap by now",
    );
    await second.check();
    await first.del();
    await second.check();
    expect(ports(node)).toHaveLength(4);
    await second.del();
    expect(ports(node)).toEqual([]);
  });

  test("an address given out again keeps its mapping when its former owner is deleted late", async () => {
    using box = new Sandbox();
    const node = makeNode(box);
    using _host = node.host;
    await container(node, 5).add();
    const { host, ns } = node;
    const conf = { ...mapped(web), prevResult: { cniVersion: "1.1.0", ips: [{ address: "10.1.0.5/16" }] } };
    const heir = new TestAttachment({ plugin: portmap, host, netns: ns.path, containerId: "heir", conf });
    await heir.add();
    await container(node, 5).del();
    await heir.check();
  });

  test("the same container on two networks keeps each network's ports apart", async () => {
    using box = new Sandbox();
    const node = makeNode(box);
    using _host = node.host;
    await container(node, 5, { ...mapped(web), name: "red" }).add();
    await container(node, 5, { ...mapped({ ...web, hostPort: 81 }), name: "blue" }).add();
    await container(node, 5, { name: "blue" }).del();
    expect(ports(node)).toContain("tcp . 8080 = red/pod5:eth0:portmap : 10.1.0.5 . 80");
  });

  test("a second ADD with other ports takes the first one's away", async () => {
    using box = new Sandbox();
    const node = makeNode(box);
    using _host = node.host;
    await container(node, 5).add();
    await container(node, 5, mapped({ ...web, hostPort: 81 })).add();
    expect(ports(node).join()).not.toContain("8080");
    expect(ports(node)).toContain("tcp . 81 = net/pod5:eth0:portmap : 10.1.0.5 . 80");
  });

  test("GC removes the ports of containers that are gone, and of this network only", async () => {
    using box = new Sandbox();
    const node = makeNode(box);
    using _host = node.host;
    await container(node, 5).add();
    await container(node, 6, mapped({ ...web, hostPort: 81 })).add();
    await container(node, 7, { ...mapped({ ...web, hostPort: 82 }), name: "other" }).add();
    await container(node, 6).gc(undefined);
    expect(ports(node).join()).toContain("tcp . 8080");
    await container(node, 6).gc([{ containerID: "pod6", ifname: "eth0" }]);
    expect(ports(node).join()).not.toContain("tcp . 8080");
    expect(ports(node).join()).toContain("tcp . 81 ");
    expect(ports(node).join()).toContain("tcp . 82 ");
  });

  test("CHECK finds a missing element, a missing rule and a foreign value, and changes nothing", async () => {
    using box = new Sandbox();
    const node = makeNode(box);
    using _host = node.host;
    const attachment = container(node, 5);
    await attachment.add();
    await attachment.check();
    const nft = (...command: readonly string[]) => box.sh(node.ns, ["nft", command.join(" ")]);
    nft("delete element inet twill_portmap any4 { tcp . 8080 }");
    nft("flush chain inet twill_portmap hostports");
    nft("delete element inet twill_portmap any6 { tcp . 8080 }");
    nft('add element inet twill_portmap any6 { tcp . 8080 comment "net/pod5:eth0:portmap" : fd01::7 . 80 }');
    const before = ruleset(node);
    await expect(attachment.check()).rejects.toThrow(
      "CHECK failed: element tcp . 8080 of any4 in nftables table inet twill_portmap is missing; " +
        "element tcp . 8080 of any6 in nftables table inet twill_portmap has another value; " +
        "chain hostports of nftables table inet twill_portmap has 0 rules, not 4",
    );
    expect(ruleset(node)).toBe(before);
  });

  test("an ADD brings the table back after somebody flushed all rules", async () => {
    using box = new Sandbox();
    const node = makeNode(box);
    using _host = node.host;
    await container(node, 5).add();
    const before = ruleset(node);
    box.sh(node.ns, ["nft", "flush", "ruleset"]);
    await container(node, 5).add();
    expect(ruleset(node)).toBe(before);
  });

  test("an ADD that fails leaves neither elements nor a record", async () => {
    using box = new Sandbox();
    const node = makeNode(box);
    using _host = node.host;
    // A chain of that name at another hook: the kernel refuses the table.
    const chain = "add chain inet twill_portmap output { type filter hook input priority 0; }";
    box.sh(node.ns, ["nft", `add table inet twill_portmap; ${chain}`]);
    const before = ruleset(node);
    await expect(container(node, 5).add()).rejects.toThrow("Cannot change nftables");
    expect(ruleset(node)).toBe(before);
    expect(node.host.ledger.list("net", "portmap")).toEqual([]);
  });

  test("the rules are the same with 1 and with 300 other containers: only maps grow", async () => {
    using box = new Sandbox();
    const node = makeNode(box);
    using _host = node.host;
    const rules = () => ruleset(node).replaceAll(/elements = \{[^}]*\}|\s/g, "");
    await container(node, 5).add();
    const before = rules();
    for (let i = 10; i < 310; i++) await container(node, i, mapped({ ...web, hostPort: 10_000 + i })).add();
    expect(rules()).toBe(before);
    expect(ports(node)).toHaveLength(4 * 301);
  });

  test("STATUS answers that ports can be mapped", async () => {
    using box = new Sandbox();
    const node = makeNode(box);
    using _host = node.host;
    await container(node, 5).status();
    expect(ruleset(node)).toBe("");
  });
});
