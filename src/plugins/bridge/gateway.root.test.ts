// The bridge as a gateway: which addresses it takes beside those it has, and what its ports may say to each other.

import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import { type Attached, withAttached } from "#test/attached.ts";
import { testDelMatrix } from "#test/del-matrix.ts";
import { delivered, macOf } from "#test/frames.ts";
import { testIpamForwarding } from "#test/ipam-forwarding.ts";
import { seeAddresses, seeLink } from "#test/link-witness.ts";
import type { Netns, Sandbox } from "#test/sandbox.ts";
import { cniErrorOfAsync } from "#test/thrown.ts";
import { bridge } from "./plugin.ts";

/** With the bridge there already, an attachment leaves nothing behind. */
function setUp(box: Sandbox, node: Netns): JsonObject {
  box.sh(node, ["ip", "link", "add", "br0", "up", "type", "bridge"]);
  return { bridge: "br0", isGateway: true };
}

testDelMatrix({ plugin: bridge, setUp });
testIpamForwarding({ plugin: bridge, setUp });

function attached(use: (at: Attached) => Promise<void>): Promise<void> {
  return withAttached({ plugin: bridge, setUp }, use);
}

function staticIpam(...addresses: readonly (readonly [address: string, gateway: string])[]): JsonObject {
  const list = addresses.map(([address, gateway]) => ({ address, gateway }));
  return { cniVersion: "1.0.0", bridge: "br0", isGateway: true, ipam: { type: "static", addresses: list } };
}

describe("a bridge that has an address takes", () => {
  const rows: readonly {
    readonly has: string;
    readonly wants: readonly [address: string, gateway: string];
    readonly refused?: boolean;
    readonly forced: readonly string[];
  }[] = [
    { has: "10.5.0.1/24", wants: ["10.5.0.2/24", "10.5.0.1"], forced: ["10.5.0.1/24"] },
    { has: "10.0.0.1/8", wants: ["10.1.2.9/16", "10.1.2.3"], refused: true, forced: ["10.1.2.3/16"] },
    { has: "10.5.0.1/24", wants: ["10.5.0.2/16", "10.5.0.1"], refused: true, forced: ["10.5.0.1/16"] },
    { has: "172.16.0.1/16", wants: ["10.5.0.2/24", "10.5.0.1"], refused: true, forced: ["10.5.0.1/24"] },
    { has: "fd05::1/64", wants: ["fd05::2/64", "fd05::1"], forced: ["fd05::1/64"] },
    { has: "fd05::1/64", wants: ["fd05::2/56", "fd05::9"], refused: true, forced: ["fd05::9/56"] },
    { has: "fd05::1/64", wants: ["fd06::2/64", "fd06::1"], forced: ["fd05::1/64", "fd06::1/64"] },
    { has: "10.5.0.1/24", wants: ["fd05::2/64", "fd05::1"], forced: ["10.5.0.1/24", "fd05::1/64"] },
  ];
  for (const { has, wants, refused = false, forced } of rows) {
    const which = `${wants[1]}${wants[0].slice(wants[0].indexOf("/"))} beside ${has}`;
    test(`${which} ${refused ? "only with forceAddress" : "as it is"}`, async () => {
      await attached(async ({ box, node, attach }) => {
        box.sh(node, ["ip", "address", "add", has, "dev", "br0", ...(has.includes(":") ? ["nodad"] : [])]);
        const seen = () => [...seeAddresses(box, node, "br0")].sort();
        const attachment = attach({ conf: staticIpam(wants) });
        if (refused) {
          const error = await cniErrorOfAsync(() => attachment.add());
          expect([error.code, error.message]).toEqual([7, expect.stringContaining(`it has ${has}`)]);
          expect(seen()).toEqual([has]);
        }
        await attachment.add({ conf: { forceAddress: true } });
        expect(seen()).toEqual([...forced].sort());
      });
    });
  }
});

describe("ports", () => {
  /** Two containers, the second of which is not `container`. */
  async function two(conf: JsonObject, use: (at: Attached, second: Netns) => Promise<void>): Promise<void> {
    await attached(async (at) => {
      const second = at.box.netns("second");
      const attach = (netns: string, address: string) =>
        at.attach({ netns, containerId: address, conf: { ...staticIpam([`${address}/24`, "10.5.0.1"]), ...conf } });
      await attach(at.container.path, "10.5.0.2").add();
      await attach(second.path, "10.5.0.3").add();
      await use(at, second);
    });
  }
  const reaches = (box: Sandbox, ns: Netns, address: string) =>
    box.run(ns, ["ping", "-c1", "-W5", address]).exitCode === 0;

  for (const portIsolation of [false, true]) {
    test(`${portIsolation ? "with portIsolation reach the gateway alone" : "reach each other and the gateway"}`, async () => {
      await two({ portIsolation }, async ({ box, container, node }, second) => {
        expect([container, second].map((ns) => reaches(box, ns, "10.5.0.1"))).toEqual([true, true]);
        expect(reaches(box, container, "10.5.0.3")).toBe(!portIsolation);
        expect(seeLink(box, node, "br0")?.flags).not.toContain("PROMISC");
      });
    });
  }

  for (const hairpinMode of [false, true]) {
    test(`with hairpinMode ${hairpinMode ? "on" : "off"} get ${hairpinMode ? "" : "nothing of "}what they broadcast back`, async () => {
      await two({ hairpinMode }, async ({ box, container }, second) => {
        const from = macOf(box, container);
        const broadcast = { from, to: "ff:ff:ff:ff:ff:ff", text: "hello" };
        expect(await delivered(box, [container, second], [broadcast], { from, to: macOf(box, second) })).toEqual([
          "hello",
        ]);
        const self = [container, container] as const;
        const run = delivered(box, self, [broadcast], { from, to: "ff:ff:ff:ff:ff:ff" });
        if (hairpinMode) expect(await run).toEqual(["hello"]);
        else await expect(run).rejects.toThrow("The last frame did not come, before it 0 did");
      });
    });
  }

  test("with promiscMode leave the bridge promiscuous", async () => {
    await two({ promiscMode: true }, async ({ box, node }) => {
      expect(seeLink(box, node, "br0")?.flags).toContain("PROMISC");
    });
  });
});

test("a bridge that follows its ports' hardware addresses: ADD tells the present one, CHECK takes a later one", async () => {
  await attached(async ({ box, node, attach }) => {
    const seen = () => seeLink(box, node, "br0")?.address;
    const attachments = ["one", "two", "three", "four"].map((containerId) =>
      attach({ containerId, netns: box.netns(containerId).path }),
    );
    for (const attachment of attachments) {
      const { interfaces = [] } = await attachment.add();
      expect(interfaces[0]?.mac).toBe(seen() ?? "");
    }
    for (const attachment of attachments) await attachment.check();
  });
});

test("CHECK of a bridge that follows its ports reads both at once: it finds no fault while they change", async () => {
  await attached(async ({ box, node, attach }) => {
    box.sh(node, "ip link add port master br0 type veth peer name far".split(" "));
    const attachment = attach({});
    await attachment.add();
    // Lower than that of any other port.
    const changes = [1, 2].map((last) => `link set port address 02:00:00:00:00:0${last}`).join("\n");
    const changing = box.start(node, ["sh", "-c", `yes '${changes}' | ip -batch -`]);
    for (let round = 0; round < 300; round++) await attachment.check();
    expect(changing.output()).toBe("");
  });
});

test("the name of a link that is no bridge is refused", async () => {
  await attached(async ({ box, node, attach }) => {
    box.sh(node, ["ip", "link", "add", "ifb9", "type", "ifb"]);
    const error = await cniErrorOfAsync(() => attach({ conf: { bridge: "ifb9" } }).add());
    expect([error.code, error.message]).toEqual([7, expect.stringContaining('"ifb9" already exists but is a ifb')]);
  });
});
