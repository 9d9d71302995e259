// portmap: ports of the node that lead to a container, by nftables maps.
//
// A port that two containers ask for belongs to the last one; its former owner's DEL leaves it alone, and its CHECK names the new one.

import { type Call, type Plugin, requirePrevResult } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import { specVersions } from "#cni/version.ts";
import { addressOf, familyOfCidr } from "#net/cidr.ts";
import { failed } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import { type Owner, ownerOf } from "#plugins/ledger.ts";
import { checkElements, claimElements, releaseElements } from "#plugins/nft-claims.ts";
import { requireNftables } from "#plugins/nft-status.ts";
import { addressesTold, makeRecorded, readRecord, recordOfCall, staleOwners } from "#plugins/recorded.ts";
import { removeReferencePorts } from "#plugins/reference-rules.ts";
import { type PortmapRecord, portmapRecord, readConf, wantedRecord } from "./conf.ts";
import { forgetNewUdp, forgetOwnUdp } from "./flows.ts";
import { allowLocalnet, allowsLocalnet, interfaceTo } from "./localnet.ts";
import { allChains, chainsOf, claimsOf, mappingsOf, tableText } from "./table.ts";

export const portmap: Plugin<Host> = {
  name: "portmap",
  about: "maps ports of the node to a container",
  versions: specVersions,
  add,
  del,
  check,
  gc,
  status,
};

async function add(call: Call, host: Host): Promise<Result> {
  const result = requirePrevResult(call);
  const record = wantedRecord(call, result);
  const owner = ownerOf(call, portmap.name);
  // What an earlier ADD of the same attachment mapped, and this one may not.
  unmap(host, owner, readRecord(host, owner, portmapRecord));
  if (record === undefined || claimsOf(record).length === 0) return result;
  const make = () => mapPorts(host, owner, record);
  await makeRecorded(host, owner, record, make, () => unmap(host, owner, record));
  return result;
}

function del(call: Call, host: Host): void {
  const owner = ownerOf(call, portmap.name);
  const record = readRecord(host, owner, portmapRecord);
  unmap(host, owner, record ?? recordOfCall(call, wantedRecord));
  if (record === undefined) removeReferencePorts(host, owner, addressesTold(call));
}

function check(call: Call, host: Host): void {
  const record = wantedRecord(call, requirePrevResult(call));
  if (record === undefined) return;
  const owner = ownerOf(call, portmap.name);
  const problems = [...checkElements(host, owner, claimsOf(record), allChains(record))];
  for (const ifname of localnetInterfaces(host, record)) {
    if (!allowsLocalnet(host, ifname)) problems.push(`route_localnet of ${ifname} is off`);
  }
  if (problems.length > 0) throw failed(problems.join("; "));
}

function gc(call: Call, host: Host): void {
  for (const owner of staleOwners(call, host, portmap.name)) {
    unmap(host, owner, readRecord(host, owner, portmapRecord));
  }
}

function status(call: Call, host: Host): void {
  readConf(call);
  requireNftables(call, host);
}

function mapPorts(host: Host, owner: Owner, record: PortmapRecord): void {
  claimElements(host, owner, claimsOf(record), () => tableText(record));
  for (const ifname of localnetInterfaces(host, record)) allowLocalnet(host, ifname);
  forgetNewUdp(host, record);
}

function unmap(host: Host, owner: Owner, record: PortmapRecord | undefined): void {
  if (record !== undefined) {
    releaseElements(host, owner, claimsOf(record), chainsOf(record));
    forgetOwnUdp(host, record);
  }
  host.ledger.remove(owner);
}

function localnetInterfaces(host: Host, record: PortmapRecord): readonly string[] {
  if (record.masquerade === "none") return [];
  const pods = record.addresses.filter((pod) => familyOfCidr(pod) === "ipv4" && mappingsOf(record, pod).length > 0);
  return pods.map((pod) => interfaceTo(host, addressOf(pod))).filter((name) => name !== undefined);
}
