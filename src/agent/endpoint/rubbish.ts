// Links of pods that were removed a moment ago: the kernel still has them, under their names.

import { findLink } from "#netlink/link.ts";
import type { Host } from "#plugins/host.ts";
import { rubbishGroup } from "#plugins/link-remover.ts";
import type { Ground } from "./apply.ts";

/** Whether the link of this name in the pod is such a one, and has given its name up now. @throws KernelError */
export function moveRubbish(
  ifname: string,
  { node, pod, netns }: Ground,
  host: Pick<Host, "remover" | "netns">,
): boolean {
  const inside = findLink(pod, ifname);
  if (inside?.info?.kind !== "veth" || findLink(node, inside.parent)?.group !== rubbishGroup) return false;
  host.remover.remove(inside, { connection: pod, netns }, { connection: node, netns: host.netns });
  return true;
}
