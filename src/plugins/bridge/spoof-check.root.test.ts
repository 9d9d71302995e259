// macspoofchk with frames that a container forges, sent from a packet socket inside it.

import { describe, expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { PacketSocket } from "#kernel/packet-socket.ts";
import { mac, macBytes } from "#net/mac.ts";
import { TestAttachment } from "#test/attachment.ts";
import { testHost } from "#test/host.ts";
import { seeLink } from "#test/link-witness.ts";
import { type Netns as BoxNetns, Sandbox } from "#test/sandbox.ts";
import { cniErrorOfAsync } from "#test/thrown.ts";
import { bridge } from "./plugin.ts";

/** Reserved for experiments (IEEE 802, local experimental EtherType 1): no other frame carries it. */
const experimental = 0x88b5;
const strangers = mac("02:00:00:00:00:66");
const timeoutMs = 2_000;

type Pod = { readonly ns: BoxNetns; readonly attachment: TestAttachment; readonly mac: string };

async function withPods(
  macspoofchk: boolean,
  use: (at: { box: Sandbox; node: BoxNetns; a: Pod; b: Pod }) => Promise<void>,
): Promise<void> {
  using box = new Sandbox();
  const node = box.netns("node");
  using host = testHost(box, node);
  const addPod = async (name: string): Promise<Pod> => {
    const ns = box.netns(name);
    const conf = { bridge: "br0", macspoofchk };
    const attachment = new TestAttachment({ plugin: bridge, host, conf, netns: ns.path, containerId: name });
    await attachment.add();
    return { ns, attachment, mac: seeLink(box, ns, "eth0")?.address ?? "" };
  };
  await use({ box, node, a: await addPod("a"), b: await addPod("b") });
}

/** The messages of those frames of `sent` that came from one pod's eth0 to another's. */
async function delivered(box: Sandbox, from: Pod, to: Pod, sent: readonly (readonly [string, string])[]) {
  using near = new Netns(from.ns.path);
  using far = new Netns(to.ns.path);
  const open = (netns: Netns, { ns }: Pod) =>
    new PacketSocket(netns, seeLink(box, ns, "eth0")?.ifindex ?? 0, { etherType: experimental, filter: [] });
  using sender = open(near, from);
  using receiver = open(far, to);
  await receiver.listen();
  for (const [source, text] of [...sent, [from.mac, "end"] as const]) sender.send(frame(to.mac, source, text));
  const got: string[] = [];
  // The pairs and the bridge keep frames in order: after the last one nothing is on its way.
  while (got.at(-1) !== "end") {
    const received = await receiver.receive(timeoutMs);
    if (received === undefined) throw new Error(`The last frame did not come, before it ${got.length} did`);
    got.push(new TextDecoder().decode(received.subarray(14)).replaceAll("\0", ""));
  }
  return got.slice(0, -1);
}

function frame(destination: string, source: string, text: string): Uint8Array {
  const type = [experimental >> 8, experimental & 0xff];
  const bytes = [...macBytes(mac(destination)), ...macBytes(mac(source)), ...type, ...new TextEncoder().encode(text)];
  return Uint8Array.from({ length: Math.max(60, bytes.length) }, (_, i) => bytes[i] ?? 0);
}

describe("macspoofchk", () => {
  test("drops what a container sends with another hardware address, and passes what bears its own", async () => {
    await withPods(true, async ({ box, a, b }) => {
      const sent = [
        [a.mac, "own"],
        [strangers, "a stranger's"],
        [b.mac, "the neighbour's"],
        [a.mac, "own again"],
      ] as const;
      expect(await delivered(box, a, b, sent)).toEqual(["own", "own again"]);
    });
  });

  test("without it the same frames pass", async () => {
    await withPods(false, async ({ box, a, b }) => {
      expect(await delivered(box, a, b, [[strangers, "a stranger's"]])).toEqual(["a stranger's"]);
    });
  });

  test("goes with the container and leaves its neighbour guarded", async () => {
    await withPods(true, async ({ box, node, a, b }) => {
      const guarded = () => box.sh(node, ["nft", "list", "set", "bridge", "twill_macspoof", "guarded"]);
      const portOf = ({ attachment }: Pod) => attachment.result?.interfaces?.[1]?.name ?? "";
      const [gone, stays] = [portOf(a), portOf(b)];
      await a.attachment.del();
      expect([guarded().includes(gone), guarded().includes(stays)]).toEqual([false, true]);
    });
  });

  const damages: readonly (readonly [what: string, command: string, message: string])[] = [
    ["the rule is gone", "flush chain bridge twill_macspoof prerouting", "prerouting"],
    ["the port is not guarded", "flush set bridge twill_macspoof guarded", "of guarded in nftables table"],
    ["its address is not known", "flush set bridge twill_macspoof allowed", "of allowed in nftables table"],
    ["the table is gone", "delete table bridge twill_macspoof", "is missing"],
  ];
  for (const [what, command, message] of damages) {
    test(`CHECK fails and changes nothing when ${what}; DEL succeeds`, async () => {
      await withPods(true, async ({ box, node, a }) => {
        await a.attachment.check();
        box.sh(node, ["nft", ...command.split(" ")]);
        const before = box.sh(node, ["nft", "list", "ruleset"]);
        expect((await cniErrorOfAsync(() => a.attachment.check())).message).toContain(message);
        expect(box.sh(node, ["nft", "list", "ruleset"])).toBe(before);
        await a.attachment.del();
      });
    });
  }
});
