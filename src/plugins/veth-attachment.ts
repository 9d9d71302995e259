// How an attachment by a veth pair ends: what DEL and GC of bridge and ptp share.

import type { Call } from "#cni/plugin.ts";
import type { Netns } from "#kernel/netns.ts";
import type { Connection } from "#netlink/connection.ts";
import { openNetnsIfThere } from "./container.ts";
import type { Host } from "./host.ts";
import { delIpam, gcIpam, ipamType } from "./ipam.ts";
import { type Owner, ownerOf } from "./ledger.ts";
import { removeMasquerade } from "./masquerade.ts";
import { staleOwners } from "./recorded.ts";
import { removeReferenceMasquerade } from "./reference-rules.ts";
import { removePair } from "./veth.ts";
import { readVethRecord, type VethRecord } from "./veth-record.ts";

/** A plugin whose attachments these are. */
export type VethPlugin = {
  readonly name: string;
  /** Takes away what the plugin has beside the pair and its masquerading. Without a record, what the reference's plugin made. */
  readonly removeMore?: (host: Host, owner: Owner, record: VethRecord | undefined) => void | Promise<void>;
};

/** The container, as far as it is still there. */
export type Inside = { readonly connection: Connection; readonly netns: Netns };

/** Everything but the addresses' reservation; what is gone already is no error. @throws KernelError */
export async function removeVethAttachment(
  host: Host,
  plugin: VethPlugin,
  owner: Owner,
  container?: Inside,
): Promise<void> {
  const record = readVethRecord(host, owner);
  removePair(host, container, owner.ifname, record?.hostName);
  if (record === undefined) removeReferenceMasquerade(host, owner);
  else if (record.masquerade) removeMasquerade(host, owner, record.addresses);
  await plugin.removeMore?.(host, owner, record);
  host.ledger.remove(owner);
}

/** DEL. @throws CniError of the IPAM plugin, after all else is gone; KernelError */
export async function delVethAttachment(call: Call, host: Host, plugin: VethPlugin): Promise<void> {
  using netns = openNetnsIfThere(call);
  using connection = netns === undefined ? undefined : host.routeIn(netns);
  const inside = netns === undefined || connection === undefined ? undefined : { connection, netns };
  try {
    // First the addresses: a DHCP server is told while the interface still exists.
    const ipam = ipamType(call);
    if (ipam !== undefined) await delIpam(call, ipam, host);
  } finally {
    await removeVethAttachment(host, plugin, ownerOf(call, plugin.name), inside);
  }
}

/** GC: attachments that the runtime does not list, then the IPAM plugin's own. @throws CniError, KernelError */
export async function gcVethAttachments(call: Call, host: Host, plugin: VethPlugin): Promise<void> {
  for (const owner of staleOwners(call, host, plugin.name)) await removeVethAttachment(host, plugin, owner);
  const ipam = ipamType(call);
  if (ipam !== undefined) await gcIpam(call, ipam, host);
}
