// Nodes: new ones take no pods until they are ready, and their blocks of addresses stay.

import { sameJson } from "#base/same-json.ts";
import type { Node } from "#kube/kinds.ts";
import type { Rules } from "#lab/apiserver/registry.ts";
import { forbiddenField } from "#lab/apiserver/schema/cause.ts";

const notReady = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" };

export const nodeRules: Rules = {
  // A kubelet registers its node together with what it knows of it.
  keepsStatus: true,
  prepareCreate: (object) => {
    const node = object as Node;
    const taints = node.spec?.taints ?? [];
    const known = taints.some(({ key, effect }) => key === notReady.key && effect === notReady.effect);
    return { ...node, spec: { ...node.spec, taints: known ? taints : [...taints, notReady] } };
  },
  validate: (object, old) => {
    const before = (old as Node | undefined)?.spec?.podCIDRs;
    const changed = before !== undefined && !sameJson((object as Node).spec?.podCIDRs, before);
    return changed
      ? [forbiddenField("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid')]
      : [];
  },
};
