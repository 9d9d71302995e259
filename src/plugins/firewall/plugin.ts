// firewall: lets a container's packets through the node, and keeps bridges or their ports apart, by nftables.

import { readFileSync } from "node:fs";
import { CniError, ErrorCode } from "#cni/error.ts";
import { type Call, type Plugin, requirePrevResult } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import { versionsFrom } from "#cni/version.ts";
import { isErrno } from "#kernel/errno.ts";
import { openIn } from "#kernel/netns.ts";
import type { Host } from "#plugins/host.ts";
import { type Owner, ownerOf } from "#plugins/ledger.ts";
import { type Claim, checkElements, claimElements, releaseElements, requireNoProblems } from "#plugins/nft-claims.ts";
import { checkShared, shareElements, unshareElements } from "#plugins/nft-shared.ts";
import { requireNftables } from "#plugins/nft-status.ts";
import { type FirewallRecord, parseRecord, readConf, wantedRecord } from "./conf.ts";
import { bridgeClaims, bridgedText, chainsOf, podClaims, routedText } from "./table.ts";

export const firewall: Plugin<Host> = {
  name: "firewall",
  about: "lets a container's packets through the node and keeps bridges apart",
  versions: versionsFrom("0.4.0"),
  add,
  del,
  check,
  gc,
  status,
};

function add(call: Call, host: Host): Result {
  const result = requirePrevResult(call);
  const record = wantedRecord(call, result);
  const owner = ownerOf(call, firewall.name);
  // What an earlier ADD of the same attachment let through, and this one may not.
  close(host, owner, parseRecord(host.ledger.read(owner)));
  if (record.addresses.length === 0 && record.bridge === "") return result;
  host.ledger.write(owner, record);
  try {
    claimElements(host, owner, podClaims(record), routedText);
    // Last: see unshareElements.
    const { routed, bridged } = bridgeClaims(record);
    shareElements(host, owner.network, routed, routedText);
    if (!shareBridged(host, owner.network, bridged)) {
      requireBridgeNetfilter(call, host);
      host.ledger.write(owner, { ...record, bridgeTable: false });
    }
  } catch (error) {
    try {
      close(host, owner, record);
    } catch {
      // The record stays: DEL and GC try again. What the caller must hear is why ADD failed.
    }
    throw error;
  }
  return result;
}

function del(call: Call, host: Host): void {
  const owner = ownerOf(call, firewall.name);
  close(host, owner, parseRecord(host.ledger.read(owner)) ?? recordOfCall(call));
}

function check(call: Call, host: Host): void {
  const owner = ownerOf(call, firewall.name);
  const wanted = wantedRecord(call, requirePrevResult(call));
  const made = parseRecord(host.ledger.read(owner));
  const record = { ...wanted, bridgeTable: wanted.bridgeTable && (made?.bridgeTable ?? true) };
  if (wanted.bridgeTable && !record.bridgeTable) requireBridgeNetfilter(call, host);
  const { routed, bridged } = bridgeClaims(record);
  requireNoProblems([
    ...checkElements(host, owner, podClaims(record), chainsOf(record)),
    ...checkShared(host, [...routed, ...bridged]),
  ]);
}

function gc(call: Call, host: Host): void {
  if (call.validAttachments === undefined) return;
  for (const owner of host.ledger.stale(call.network, firewall.name, call.validAttachments)) {
    close(host, owner, parseRecord(host.ledger.read(owner)));
  }
}

function status(call: Call, host: Host): void {
  readConf(call);
  requireNftables(call, host);
}

function close(host: Host, owner: Owner, record: FirewallRecord | undefined): void {
  if (record !== undefined) {
    releaseElements(host, owner, podClaims(record));
    const { routed, bridged } = bridgeClaims(record);
    unshareElements(host, owner.network, [...routed, ...bridged], () => hasOthers(host, owner));
  }
  host.ledger.remove(owner);
}

/** False on kernels that have no nftables for bridges. */
function shareBridged(host: Host, network: string, claims: readonly Claim[]): boolean {
  try {
    shareElements(host, network, claims, bridgedText);
    return true;
  } catch (error) {
    if (!isErrno(error, "EOPNOTSUPP", "EAFNOSUPPORT")) throw error;
    return false;
  }
}

/** Where the bridge has no table, br_netfilter shows packets between its ports to the table for forwarded ones. */
function requireBridgeNetfilter(call: Call, host: Host): void {
  const missing = ["iptables", "ip6tables"].filter((which) => !showsBridged(host, which));
  if (missing.length === 0) return;
  throw new CniError(
    ErrorCode.internal,
    `${call.type}: ingressPolicy "isolated" cannot be kept: this kernel has no nftables for bridges, and net.bridge.bridge-nf-call-${missing[0]} is off; load br_netfilter and set it to 1`,
  );
}

function showsBridged(host: Host, which: string): boolean {
  try {
    using file = openIn(host.netns, `/proc/sys/net/bridge/bridge-nf-call-${which}`, "read");
    return readFileSync(file.number, "utf8").trim() === "1";
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

function hasOthers(host: Host, { network, containerId, ifname }: Owner): boolean {
  const all = host.ledger.list(network, firewall.name);
  return all.some((other) => other.containerId !== containerId || other.ifname !== ifname);
}

/** For a DEL whose record is lost: what the runtime still tells. */
function recordOfCall(call: Call): FirewallRecord | undefined {
  if (call.prevResult === undefined) return undefined;
  try {
    return wantedRecord(call, call.prevResult);
  } catch (error) {
    // A configuration that is wrong by now let nothing through.
    if (error instanceof CniError && error.code !== ErrorCode.internal) return undefined;
    throw error;
  }
}
