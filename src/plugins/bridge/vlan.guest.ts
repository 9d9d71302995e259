// VLANs of a bridge network with real tagged traffic, on a kernel that filters VLANs, seen by ip(8), bridge(8) and ping(8).

import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import type { OpenHost } from "#plugins/host.ts";
import { TestAttachment } from "#test/attachment.ts";
import { testHost } from "#test/host.ts";
import { linkNames, seeAddresses, seeLink } from "#test/link-witness.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { cniErrorOfAsync } from "#test/thrown.ts";
import { bridge } from "./plugin.ts";

type Pod = { readonly ns: Netns; readonly attachment: TestAttachment; readonly port: string };

/** A node and its containers, all in one subnet: only VLANs keep them apart. */
class Segment implements Disposable {
  readonly box = new Sandbox();
  readonly node = this.box.netns("node");
  readonly host: OpenHost = testHost(this.box, this.node);
  #pods = 0;

  /** Addresses by Debian's `static`; none: a layer 2 attachment. */
  async add(conf: JsonObject, ...addresses: readonly string[]): Promise<Pod> {
    const name = `pod${this.#pods++}`;
    const ns = this.box.netns(name);
    const list = addresses.map((address) => ({ address, ...(conf["isGateway"] ? { gateway: "10.5.0.1" } : {}) }));
    const ipam = list.length === 0 ? {} : { ipam: { type: "static", addresses: list } };
    const attachment = new TestAttachment({
      plugin: bridge,
      host: this.host,
      conf: { cniVersion: "1.0.0", bridge: "br0", ...conf, ...ipam },
      netns: ns.path,
      containerId: name,
    });
    const { interfaces = [] } = await attachment.add();
    return { ns, attachment, port: interfaces[1]?.name ?? "" };
  }

  /** `42 PVID untagged` for each VLAN of a port. */
  vlansOf({ port }: Pod): readonly string[] {
    type Seen = { readonly vlans: readonly { vlan: number; flags?: readonly string[] }[] };
    const [seen] = JSON.parse(this.box.sh(this.node, ["bridge", "-json", "vlan", "show", "dev", port])) as Seen[];
    const words: Readonly<Record<string, string>> = { PVID: " PVID", "Egress Untagged": " untagged" };
    return (seen?.vlans ?? []).map(({ vlan, flags = [] }) => `${vlan}${flags.map((flag) => words[flag]).join("")}`);
  }

  /** Whether one ping is answered. */
  reaches({ ns }: Pod, address: string): boolean {
    return this.box.run(ns, ["ping", "-c1", "-W5", address]).exitCode === 0;
  }

  /** An interface of the container that tags what it sends. */
  tag({ ns }: Pod, vid: number, address: string): void {
    const name = `eth0.${vid}`;
    this.box.sh(ns, ["ip", "link", "add", "link", "eth0", "name", name, "type", "vlan", "id", String(vid)]);
    this.box.sh(ns, ["ip", "address", "add", address, "dev", name]);
    this.box.sh(ns, ["ip", "link", "set", name, "up"]);
  }

  [Symbol.dispose](): void {
    this.host[Symbol.dispose]();
    this.box[Symbol.dispose]();
  }
}

describe("bridge with VLANs", () => {
  test("containers of one VLAN reach each other, those of another do not", async () => {
    using segment = new Segment();
    const a = await segment.add({ vlan: 100 }, "10.5.0.2/24");
    await segment.add({ vlan: 100 }, "10.5.0.3/24");
    const c = await segment.add({ vlan: 200 }, "10.5.0.4/24");
    expect([segment.reaches(a, "10.5.0.3"), segment.reaches(a, "10.5.0.4")]).toEqual([true, false]);
    expect(segment.reaches(c, "10.5.0.2")).toBe(false);
    await a.attachment.check();
  });

  test("a trunk carries the tagged traffic of its VLANs and of no other", async () => {
    using segment = new Segment();
    await segment.add({ vlan: 100 }, "10.5.0.2/24");
    await segment.add({ vlan: 201 }, "10.6.0.2/24");
    await segment.add({ vlan: 300 }, "10.7.0.2/24");
    const trunk = await segment.add({ vlanTrunk: [{ id: 100 }, { minID: 200, maxID: 201 }] });
    for (const [vid, address] of [
      [100, "10.5.0.9/24"],
      [201, "10.6.0.9/24"],
      [300, "10.7.0.9/24"],
    ] as const) {
      segment.tag(trunk, vid, address);
    }
    const reached = ["10.5.0.2", "10.6.0.2", "10.7.0.2"].map((address) => segment.reaches(trunk, address));
    expect(reached).toEqual([true, true, false]);
    await trunk.attachment.check();
  });

  const memberships: readonly (readonly [what: string, conf: JsonObject, vlans: readonly string[]])[] = [
    ["vlan", { vlan: 100 }, ["100 PVID untagged"]],
    ["vlan and preserveDefaultVlan", { vlan: 100, preserveDefaultVlan: true }, ["1 untagged", "100 PVID untagged"]],
    ["a trunk", { vlanTrunk: [{ id: 7 }, { minID: 10, maxID: 12 }] }, ["1 PVID untagged", "7", "10", "11", "12"]],
    ["a trunk with a native VLAN", { vlan: 5, vlanTrunk: [{ id: 7 }] }, ["5 PVID untagged", "7"]],
    [
      "a trunk that names the default VLAN",
      { vlan: 5, vlanTrunk: [{ minID: 1, maxID: 2 }] },
      ["1", "2", "5 PVID untagged"],
    ],
  ];
  for (const [what, conf, vlans] of memberships) {
    test(`the port of a container with ${what} is in VLANs ${vlans.join(", ")}`, async () => {
      using segment = new Segment();
      const pod = await segment.add(conf);
      expect(segment.vlansOf(pod)).toEqual(vlans);
      await pod.attachment.check();
    });
  }

  const changes: readonly (readonly [command: string, message: string])[] = [
    ["bridge vlan del dev PORT vid 100", "has no untagged VLAN 100"],
    ["bridge vlan add dev PORT vid 100", "has no untagged VLAN 100"],
    ["bridge vlan add dev PORT vid 1", "is in VLAN 1, which it had left"],
    ["bridge vlan del dev PORT vid 11", "is not in VLAN 11"],
    ["ip link set br0 type bridge vlan_filtering 0", "does not filter VLANs"],
  ];
  for (const [command, message] of changes) {
    test(`CHECK fails after ${command}`, async () => {
      using segment = new Segment();
      const pod = await segment.add({ vlan: 100, vlanTrunk: [{ minID: 10, maxID: 12 }] });
      segment.box.sh(segment.node, command.replace("PORT", pod.port).split(" "));
      expect((await cniErrorOfAsync(() => pod.attachment.check())).message).toContain(message);
    });
  }
});

describe("the gateway of a VLAN", () => {
  const conf = { vlan: 100, isGateway: true };

  test("answers its VLAN alone, is named in the result, and goes with its last user", async () => {
    using segment = new Segment();
    const { box, node } = segment;
    const a = await segment.add(conf, "10.5.0.2/24");
    const b = await segment.add({ ...conf, name: "other" }, "10.5.0.3/24");
    const stranger = await segment.add({ vlan: 200 }, "10.5.0.4/24");
    expect(a.attachment.result?.interfaces?.map(({ name }) => name)).toEqual(["br0", a.port, "eth0", "br0.100"]);
    expect(a.attachment.result?.interfaces?.[3]?.mac).toBe(seeLink(box, node, "br0.100")?.address ?? "");
    expect(seeAddresses(box, node, "br0.100")).toEqual(["10.5.0.1/24"]);
    expect([a, b, stranger].map((pod) => segment.reaches(pod, "10.5.0.1"))).toEqual([true, true, false]);
    await a.attachment.check();

    await a.attachment.del();
    expect(segment.reaches(b, "10.5.0.1")).toBe(true);
    for (const _ of [1, 2]) await b.attachment.del();
    expect(linkNames(box, node)).toEqual(["br0", stranger.port]);
  });

  test("is made once for containers that come at once, and goes with them when they go at once", async () => {
    using segment = new Segment();
    const pods = await Promise.all([2, 3, 4].map((host) => segment.add(conf, `10.5.0.${host}/24`)));
    for (const pod of pods) expect(segment.reaches(pod, "10.5.0.1")).toBe(true);
    await Promise.all(pods.map(({ attachment }) => attachment.del()));
    expect(linkNames(segment.box, segment.node)).toEqual(["br0"]);
  });

  test("goes with an ADD that fails after it was made", async () => {
    using segment = new Segment();
    segment.box.sh(segment.node, ["ip", "link", "add", "br0", "type", "bridge"]);
    await expect(segment.add({ ...conf, ipMasq: true, mtu: 1400 }, "10.5.0.2/33")).rejects.toThrow();
    const taken = await segment.add(conf, "10.5.0.2/24");
    await expect(segment.add(conf, "10.5.9.3/16")).rejects.toThrow("already has an IP address different");
    expect(segment.reaches(taken, "10.5.0.1")).toBe(true);
    await taken.attachment.del();
    expect(linkNames(segment.box, segment.node)).toEqual(["br0"]);
  });

  test("is collected by GC with the last attachment that used it", async () => {
    using segment = new Segment();
    const pod = await segment.add(conf, "10.5.0.2/24");
    await pod.attachment.call("GC", { conf: { cniVersion: "1.1.0", ipam: {}, "cni.dev/valid-attachments": [] } });
    expect(linkNames(segment.box, segment.node)).toEqual(["br0"]);
  });

  test("stays when it is not ours", async () => {
    using segment = new Segment();
    const { box, node } = segment;
    box.sh(node, ["ip", "link", "add", "br0", "type", "bridge", "vlan_filtering", "1"]);
    box.sh(node, ["ip", "link", "add", "br0.100", "link", "br0", "type", "vlan", "id", "100"]);
    box.sh(node, ["bridge", "vlan", "add", "dev", "br0", "vid", "100", "self"]);
    box.sh(node, ["ip", "link", "set", "br0", "up"]);
    box.sh(node, ["ip", "link", "set", "br0.100", "up"]);
    const pod = await segment.add(conf, "10.5.0.2/24");
    expect(segment.reaches(pod, "10.5.0.1")).toBe(true);
    await pod.attachment.del();
    expect(linkNames(box, node)).toEqual(["br0", "br0.100"]);
  });
});
