// macspoofchk with frames that a container forges, sent from a packet socket inside it.

import { describe, expect, test } from "bun:test";
import { TestAttachment } from "#test/attachment.ts";
import { delivered, macOf } from "#test/frames.ts";
import { testHost } from "#test/host.ts";
import { type Netns as BoxNetns, Sandbox } from "#test/sandbox.ts";
import { cniErrorOfAsync } from "#test/thrown.ts";
import { bridge } from "./plugin.ts";

const strangers = "02:00:00:00:00:66";

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
    return { ns, attachment, mac: macOf(box, ns) };
  };
  await use({ box, node, a: await addPod("a"), b: await addPod("b") });
}

/** The texts of those frames that came from one container to another, each sent with a hardware address. */
function received(
  box: Sandbox,
  from: Pod,
  to: Pod,
  sent: readonly (readonly [mac: string, text: string])[],
): Promise<readonly string[]> {
  const frames = sent.map(([source, text]) => ({ from: source, to: to.mac, text }));
  return delivered(box, [from.ns, to.ns], frames, { from: from.mac, to: to.mac });
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
      expect(await received(box, a, b, sent)).toEqual(["own", "own again"]);
    });
  });

  test("without it the same frames pass", async () => {
    await withPods(false, async ({ box, a, b }) => {
      expect(await received(box, a, b, [[strangers, "a stranger's"]])).toEqual(["a stranger's"]);
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
