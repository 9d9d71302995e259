// Whole Ethernet frames between containers, forged where a test wants it, by packet sockets on their eth0.

import { Netns } from "#kernel/netns.ts";
import { PacketSocket } from "#kernel/packet-socket.ts";
import { mac, macBytes } from "#net/mac.ts";
import { seeLink } from "./link-witness.ts";
import type { Netns as BoxNetns, Sandbox } from "./sandbox.ts";

/** Reserved for experiments (IEEE 802, local experimental EtherType 1): no other frame carries it. */
const experimental = 0x88b5;
/** The least that Ethernet carries. */
const frameBytes = 60;
const headerBytes = 14;
const timeoutMs = 5_000;
const last = "the last frame";

export type Frame = { readonly from: string; readonly to: string; readonly text: string };

/** The hardware address of a container's eth0. */
export function macOf(box: Sandbox, ns: BoxNetns): string {
  return seeLink(box, ns, "eth0")?.address ?? "";
}

/**
 * The texts of those frames that came from one container to another, in order. Both may be the same container: then what comes back.
 * `end` is a frame that must arrive: nothing else is on its way after it.
 */
export async function delivered(
  box: Sandbox,
  [near, far]: readonly [BoxNetns, BoxNetns],
  sent: readonly Frame[],
  end: Omit<Frame, "text">,
): Promise<readonly string[]> {
  using nearNetns = new Netns(near.path);
  using farNetns = new Netns(far.path);
  const open = (netns: Netns, ns: BoxNetns) =>
    new PacketSocket(netns, seeLink(box, ns, "eth0")?.ifindex ?? 0, { etherType: experimental, filter: [] });
  using sender = open(nearNetns, near);
  using receiver = open(farNetns, far);
  await receiver.listen();
  for (const frame of [...sent, { ...end, text: last }]) sender.send(bytesOf(frame));
  const got: string[] = [];
  for (;;) {
    const received = await receiver.receive(timeoutMs);
    if (received === undefined) throw new Error(`The last frame did not come, before it ${got.length} did`);
    const text = new TextDecoder().decode(received.subarray(headerBytes)).replaceAll("\0", "");
    if (text === last) return got;
    got.push(text);
  }
}

function bytesOf({ from, to, text }: Frame): Uint8Array {
  const type = [experimental >> 8, experimental & 0xff];
  const bytes = [...macBytes(mac(to)), ...macBytes(mac(from)), ...type, ...new TextEncoder().encode(text)];
  return Uint8Array.from({ length: Math.max(frameBytes, bytes.length) }, (_, i) => bytes[i] ?? 0);
}
