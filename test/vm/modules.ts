// Which kernel modules the guest loads, and the files that a module needs.
import type { Kernel } from "./kernel.ts";

/** What the network plugins and their tests use; loaded unless a test names its own. */
export const networkModules: readonly string[] = [
  ...["8021q", "bridge", "br_netfilter", "dummy", "ifb", "ipip", "ipvlan", "macvlan", "tun", "veth", "vrf", "vxlan"],
  ...["geneve", "sctp", "wireguard", "virtio_net", "uio_pci_generic"],
  ...["sch_fq_codel", "sch_htb", "sch_ingress", "sch_tbf", "cls_bpf", "cls_matchall", "cls_u32", "act_mirred"],
  ...["nf_tables", "nf_conntrack", "nf_conntrack_netlink", "nfnetlink", "nft_chain_nat", "nft_compat", "nft_ct"],
  ...["nft_fib_inet", "nft_hash", "nft_limit", "nft_log", "nft_masq", "nft_meta_bridge", "nft_nat", "nft_numgen"],
  ...["nft_reject_inet", "xt_addrtype", "xt_comment", "xt_conntrack", "xt_mark", "xt_MASQUERADE", "xt_multiport"],
  ...["nft_redir", "xt_nat", "xt_statistic", "tcp_diag", "udp_diag"],
];

/** What the guest needs before it sees the host's files: kept in its initial file system. */
export const bootModules: readonly string[] = ["virtio_pci", "9p", "9pnet_virtio", "overlay"];

/**
 * The files of the modules and of all they depend on, in an order that `insmod` can follow. Built-in modules have none.
 * Throws one sentence that names every module which this kernel lacks.
 */
export function moduleFiles(kernel: Kernel, modules: readonly string[]): readonly string[] {
  const files = new Set<string>();
  const missing: string[] = [];
  for (const module of modules) {
    const dependencies = showDependencies(kernel, module);
    if (dependencies === undefined) missing.push(module);
    for (const file of dependencies ?? []) files.add(file);
  }
  if (missing.length > 0) {
    throw new Error(`Cannot boot the guest: Linux ${kernel.release} has no module ${missing.join(", ")}`);
  }
  return [...files];
}

function showDependencies({ release, root }: Kernel, module: string): readonly string[] | undefined {
  const command = ["modprobe", "--set-version", release, "--dirname", root, "--show-depends", module];
  const { exitCode, stdout } = Bun.spawnSync(command, { stderr: "ignore" });
  if (exitCode !== 0) return undefined;
  return stdout
    .toString()
    .split("\n")
    .filter((line) => line.startsWith("insmod "))
    .map((line) => line.split(" ")[1] ?? "");
}
