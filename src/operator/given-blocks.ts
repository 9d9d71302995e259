// Blocks that were given to nodes and that the watch of nodes does not show yet: nobody else gets them meanwhile.

import type { Node } from "#kube/kinds.ts";
import type { Cidr } from "#net/cidr.ts";

export class GivenBlocks {
  /** By the node's uid: a node that comes back under its name is another. */
  readonly #blocks = new Map<string, readonly Cidr[]>();

  note({ metadata: { uid = "" } }: Node, podCIDRs: readonly Cidr[]): void {
    this.#blocks.set(uid, podCIDRs);
  }

  /** The node has not got them after all. */
  forget({ metadata: { uid = "" } }: Node): void {
    this.#blocks.delete(uid);
  }

  /** The nodes as they will be once all that was given is seen. */
  added(seen: Iterable<Node>): readonly Node[] {
    const all = [...seen];
    const waiting = new Set(all.filter(({ spec }) => spec?.podCIDR === undefined).map(({ metadata }) => metadata.uid));
    for (const uid of this.#blocks.keys()) if (!waiting.has(uid)) this.#blocks.delete(uid);
    return all.map((node) => {
      const podCIDRs = this.#blocks.get(node.metadata.uid ?? "");
      return podCIDRs === undefined ? node : withBlocks(node, podCIDRs);
    });
  }
}

function withBlocks(node: Node, podCIDRs: readonly Cidr[]): Node {
  const [podCIDR] = podCIDRs;
  const first = podCIDR === undefined ? {} : { podCIDR };
  return { ...node, spec: { ...node.spec, ...first, podCIDRs: [...podCIDRs] } };
}
