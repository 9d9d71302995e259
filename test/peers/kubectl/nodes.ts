// Nodes: cordon, taint, drain with and without a budget in the way.

import { fails, type Group, prints, row } from "./row.ts";

export const nodes: Group = {
  name: "nodes",
  rows: [
    row("get nodes -o wide", /INTERNAL-IP/),
    prints("get nodes -o name", "node/n1\nnode/n2\nnode/spare"),
    row("cordon spare", "node/spare cordoned"),
    row("cordon spare", "node/spare already cordoned"),
    row("get node spare", /Ready,SchedulingDisabled/),
    row("uncordon spare", "node/spare uncordoned"),
    row("taint node spare kept=free:NoSchedule", "node/spare tainted"),
    fails("taint node spare kept=free:NoSchedule", "already has kept taint"),
    row("taint node spare kept=other:NoSchedule --overwrite", "node/spare modified"),
    row("describe node spare", /Taints: +kept=other:NoSchedule/),
    row("label node spare zone=a", "node/spare labeled"),
    prints("get nodes -l zone=a -o name", "node/spare"),
    row("create -f bare.yaml", "pod/bare created"),
    row("wait --for condition=Ready pod/bare --timeout 20s", "condition met"),
    row("get pods -A --field-selector spec.nodeName=spare", /nodes +bare/),
    row("create poddisruptionbudget bare --selector app=pod --min-available 1", "created"),
    fails(
      "drain spare --ignore-daemonsets --timeout 5s",
      /declare no controller|not managed by|Cannot (evict|delete)/i,
    ),
    row("drain spare --force --ignore-daemonsets --dry-run=client", /node\/spare (drained|evicted) \(dry run\)/),
    fails(
      "drain spare --force --ignore-daemonsets --timeout 6s",
      "Cannot evict pod as it would violate the pod's disruption budget",
    ),
    row("delete pdb bare", "deleted"),
    row("drain spare --force --ignore-daemonsets --timeout 20s", [
      /pod\/bare evicted|evicting pod nodes\/bare/,
      /node\/spare (drained|evicted)/,
    ]),
    fails("get pod bare", "not found"),
    row("uncordon spare", "node/spare uncordoned"),
    row("taint node spare kept-", "node/spare untainted"),
    fails("taint node spare kept-", "not found"),
    fails("cordon none", 'nodes "none" not found'),
  ],
};
