// firewall: lets a container's packets through the node, and keeps bridges or their ports apart, by nftables or firewalld.

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
import { addressesTold, makeRecorded, readRecord, recordOfCall, staleOwners } from "#plugins/recorded.ts";
import { removeReferencePass } from "#plugins/reference-rules.ts";
import { findBus } from "./bus-path.ts";
import { type Backend, type FirewallRecord, firewallRecord, readConf, wantedRecord } from "./conf.ts";
import type { Firewalld } from "./firewalld.ts";
import { bridgeClaims, bridgedText, chainsOf, podClaims, routedText, sourcesOf } from "./table.ts";

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

async function add(call: Call, host: Host): Promise<Result> {
  const result = requirePrevResult(call);
  const owner = ownerOf(call, firewall.name);
  const { zone, backend } = readConf(call);
  using firewalld = await firewalldOf(call, host, backend);
  const record = wantedRecord(call, result, firewalld === undefined ? "" : zone);
  // What an earlier ADD of the same attachment let through, and this one may not.
  await close(call, host, owner, readRecord(host, owner, firewallRecord));
  if (record.addresses.length === 0 && record.bridge === "") return result;
  const make = async () => {
    await letThrough(host, owner, record, firewalld);
    // Last: see unshareElements.
    const { routed, bridged } = bridgeClaims(record);
    shareElements(host, owner.network, routed, routedText);
    if (shareBridged(host, owner.network, bridged)) return;
    requireBridgeNetfilter(call, host);
    host.ledger.write(owner, { ...record, bridgeTable: false });
  };
  await makeRecorded(host, owner, record, make, () => close(call, host, owner, record));
  return result;
}

async function del(call: Call, host: Host): Promise<void> {
  const owner = ownerOf(call, firewall.name);
  const record = readRecord(host, owner, firewallRecord);
  if (record !== undefined) return await close(call, host, owner, record);
  // Nobody knows any more who let the container through: nftables, firewalld, or the reference's plugin.
  for (const zone of new Set(["", zoneOf(call)])) {
    const told = recordOfCall(call, (_, prevResult) => wantedRecord(call, prevResult, zone));
    await close(call, host, owner, told);
  }
  removeReferencePass(host, addressesTold(call));
}

async function check(call: Call, host: Host): Promise<void> {
  const owner = ownerOf(call, firewall.name);
  const made = readRecord(host, owner, firewallRecord);
  const { zone, backend } = readConf(call);
  using firewalld = await firewalldOf(call, host, made === undefined ? backend : made.zone === "" ? "nftables" : "any");
  const wanted = wantedRecord(call, requirePrevResult(call), made?.zone ?? (firewalld === undefined ? "" : zone));
  const record = { ...wanted, bridgeTable: wanted.bridgeTable && (made?.bridgeTable ?? true) };
  if (wanted.bridgeTable && !record.bridgeTable) requireBridgeNetfilter(call, host);
  const { routed, bridged } = bridgeClaims(record);
  requireNoProblems([
    ...(await problemsOfZone(record, firewalld)),
    ...checkElements(host, owner, podClaims(record), chainsOf(record)),
    ...checkShared(host, [...routed, ...bridged]),
  ]);
}

async function gc(call: Call, host: Host): Promise<void> {
  for (const owner of staleOwners(call, host, firewall.name)) {
    await close(call, host, owner, readRecord(host, owner, firewallRecord));
  }
}

async function status(call: Call, host: Host): Promise<void> {
  const { backend, ingressPolicy } = readConf(call);
  using firewalld = await firewalldOf(call, host, backend, ErrorCode.notAvailable);
  if (firewalld === undefined || ingressPolicy !== "open") requireNftables(call, host);
}

/** Who is asked to let pods through; undefined for nftables. @throws CniError `code` when it must be firewalld, and none runs */
async function firewalldOf(
  call: Call,
  host: Host,
  backend: Backend,
  code: number = ErrorCode.tryAgainLater,
): Promise<Firewalld | undefined> {
  if (backend === "nftables") return undefined;
  const bus = findBus(call.env);
  // Loaded where there is a bus: most nodes of a cluster need not read it.
  const found = bus === undefined ? undefined : await (await import("./firewalld.ts")).findFirewalld(bus, host);
  if (found !== undefined || backend === "any") return found;
  const way = 'start it, or leave field "backend" out to have nftables where it does not run';
  throw new CniError(code, `${call.type}: firewalld does not run on this node: ${way}`);
}

async function letThrough(
  host: Host,
  owner: Owner,
  record: FirewallRecord,
  firewalld: Firewalld | undefined,
): Promise<void> {
  claimElements(host, owner, podClaims(record), routedText);
  if (firewalld === undefined) return;
  for (const source of sourcesOf(record)) await firewalld.add(record.zone, source);
}

async function problemsOfZone(record: FirewallRecord, firewalld: Firewalld | undefined): Promise<readonly string[]> {
  if (record.zone === "") return [];
  if (firewalld === undefined) return ["firewalld does not run any more"];
  const problems: string[] = [];
  for (const source of sourcesOf(record)) {
    if (!(await firewalld.has(record.zone, source)))
      problems.push(`${source} is not in firewalld's zone ${record.zone}`);
  }
  return problems;
}

async function close(call: Call, host: Host, owner: Owner, record: FirewallRecord | undefined): Promise<void> {
  if (record !== undefined) {
    releaseElements(host, owner, podClaims(record));
    if (record.zone !== "") await leaveZone(call, host, owner, record);
    const { routed, bridged } = bridgeClaims(record);
    unshareElements(host, owner.network, [...routed, ...bridged], () => isShared(host, owner, record));
  }
  host.ledger.remove(owner);
}

/** A firewalld that does not run has forgotten its sources already. */
async function leaveZone(call: Call, host: Host, owner: Owner, record: FirewallRecord): Promise<void> {
  using firewalld = await firewalldOf(call, host, "any");
  if (firewalld === undefined) return;
  // A source has no owner in firewalld: an address given out again is told by the records.
  const taken = new Set(othersOf(host, owner).flatMap((other) => sourcesOf(readRecord(host, other, firewallRecord))));
  for (const source of sourcesOf(record)) if (!taken.has(source)) await firewalld.remove(record.zone, source);
}

/** The zone that a lost record may have named; a configuration that is wrong by now names none. */
function zoneOf(call: Call): string {
  try {
    const { zone, backend } = readConf(call);
    return backend === "nftables" ? "" : zone;
  } catch (error) {
    if (error instanceof CniError) return "";
    throw error;
  }
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

/** Whether another container of the network relies on the same bridge being kept apart. */
function isShared(host: Host, owner: Owner, { bridge }: FirewallRecord): boolean {
  return othersOf(host, owner).some((other) => readRecord(host, other, firewallRecord)?.bridge === bridge);
}

function othersOf(host: Host, { network, containerId, ifname }: Owner): readonly Owner[] {
  const all = host.ledger.list(network, firewall.name);
  return all.filter((other) => other.containerId !== containerId || other.ifname !== ifname);
}
