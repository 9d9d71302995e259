// Node blocks in a cluster whose network does not give them itself.

import { nodes } from "#kube/resource.ts";
import { type BlockPool, planBlocks } from "#operator/node-blocks.ts";
import type { Controller } from "./controller.ts";
import { patch } from "./operation.ts";

/** Gives each node a block of every pool. */
export function nodeBlockController(pools: readonly BlockPool[]): Controller {
  return {
    name: "nodeblocks",
    keys: (kind) => (kind === "nodes" ? ["all"] : []),
    plan: (_, view) => ({
      operations: planBlocks(pools, [...view.nodes.values()]).assignments.map(({ node, podCIDRs }) =>
        patch(nodes, node, { spec: { podCIDR: podCIDRs[0], podCIDRs } }, podCIDRs.join(", ")),
      ),
    }),
  };
}
