// tuning: sysctls and attributes of an interface that another plugin made; DEL puts the attributes back.

import { messageOf } from "#base/error-message.ts";
import { Rollback } from "#base/rollback.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import { isJsonObject } from "#cni/json.ts";
import { type Call, type Plugin, requirePrevResult } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import { specVersions } from "#cni/version.ts";
import type { Netns } from "#kernel/netns.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink, type Link, setLink } from "#netlink/link.ts";
import { isContainers, requireLink } from "#plugins/chained.ts";
import { failed, openNetns, openNetnsIfThere, writeSysctl } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import { type Owner, ownerOf } from "#plugins/ledger.ts";
import { staleOwners } from "#plugins/recorded.ts";
import { attributesOf, backupPath, isEmpty, readBackup, removeBackup, toSettings, writeBackup } from "./backup.ts";
import { type Attributes, readConf, readDataDir } from "./conf.ts";
import { readAllowlist, readSysctlIfReadable, requireAllowed, type Sysctl, sameValue } from "./sysctl.ts";

const name = "tuning";
export const allowlistPath = "/etc/cni/tuning/allowlist.conf";

export const tuning: Plugin<Host> = makeTuning(allowlistPath);

/** `allowlist`: path of the administrator's list of sysctls. */
export function makeTuning(allowlist: string): Plugin<Host> {
  return {
    name,
    about: "CNI tuning plugin of Twill",
    versions: specVersions,
    add: (call, host) => add(call, host, allowlist),
    del,
    check,
    gc,
    status(call) {
      readConf(call);
      readAllowlist(allowlist);
    },
  };
}

async function add(call: Call, host: Host, allowlist: string): Promise<Result> {
  const prevResult = requirePrevResult(call);
  const { attributes, sysctls, dataDir } = readConf(call);
  requireAllowed(sysctls, allowlist);
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  const link = requireLink(container, call);
  await using undo = new Rollback();
  // Before anything changes: sysctls may change attributes too.
  const before = attributesOf(link, attributes);
  for (const sysctl of sysctls) applySysctl(netns, sysctl, undo);
  if (!isEmpty(attributes)) {
    keepBackup(call, host, dataDir, before, undo);
    undo.defer("restore the interface", () => restore(container, link, before));
    container.apply([setLink(link.index, toSettings(attributes), link.name)]);
  }
  undo.keep();
  return tuned(prevResult, call, attributes);
}

function del(call: Call, host: Host): void {
  const owner = ownerOf(call, name);
  const paths = backupPaths(host, owner, readDataDir(call));
  using netns = openNetnsIfThere(call);
  if (netns !== undefined) {
    using container = host.routeIn(netns);
    const link = findLink(container, call.ifname);
    const backup = paths.map(readBackup).find((found) => found !== undefined);
    if (link !== undefined && backup !== undefined) restore(container, link, backup);
  }
  forget(host, owner, paths);
}

function check(call: Call, host: Host): void {
  const { attributes, sysctls } = readConf(call);
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  const link = requireLink(container, call);
  for (const { key, path, value } of sysctls) {
    const found = readSysctlIfReadable(netns, path);
    if (found !== undefined && !sameValue(found, value)) {
      throw failed(`sysctl ${key} is ${JSON.stringify(found)}, configured is ${JSON.stringify(value)}`);
    }
  }
  const found = attributesOf(link, attributes);
  for (const key of ["mac", "promisc", "mtu", "allmulti", "txQLen"] as const) {
    const wanted = attributes[key];
    if (found[key] !== wanted) throw failed(`${key} of ${link.name} is ${found[key]}, configured is ${wanted}`);
  }
}

function gc(call: Call, host: Host): void {
  for (const owner of staleOwners(call, host, name)) forget(host, owner, backupPaths(host, owner, readDataDir(call)));
}

function applySysctl(netns: Netns, { key, path, value }: Sysctl, undo: Rollback): void {
  try {
    const before = readSysctlIfReadable(netns, path);
    if (before !== undefined) undo.defer(`restore ${key}`, () => writeSysctl(netns, path, before));
    writeSysctl(netns, path, value);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new CniError(ErrorCode.internal, `Cannot set sysctl ${key} to ${JSON.stringify(value)}: ${reason}`, {
      cause,
    });
  }
}

/** A second ADD keeps what the first one found: that is what DEL shall bring back. */
function keepBackup(call: Call, host: Host, dataDir: string, before: Attributes, undo: Rollback): void {
  const owner = ownerOf(call, name);
  const path = backupPath(dataDir, call);
  const older = readBackup(path);
  if (older === undefined) undo.defer("remove the backup", () => forget(host, owner, [path]));
  else undo.defer("bring back the older backup", () => writeBackup(path, older));
  host.ledger.write(owner, { dataDir });
  writeBackup(path, { ...defined(before), ...defined(older ?? {}) });
}

function defined(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

/** Whatever the kernel refuses, the rest is restored: nobody can do more about an interface that is about to go. */
function restore(container: Connection, link: Link, before: Attributes): void {
  for (const [key, value] of Object.entries(defined(before))) {
    container.tryApply([setLink(link.index, toSettings({ [key]: value }), link.name)]);
  }
}

/** Where the configuration says, and where the ADD put it in case the configuration changed since. */
function backupPaths(host: Host, owner: Owner, dataDir: string): readonly string[] {
  const record = host.ledger.read(owner);
  const recorded = isJsonObject(record) && typeof record["dataDir"] === "string" ? record["dataDir"] : dataDir;
  return [...new Set([recorded, dataDir])].map((dir) => backupPath(dir, owner));
}

function forget(host: Host, owner: Owner, paths: readonly string[]): void {
  for (const path of paths) removeBackup(path);
  host.ledger.remove(owner);
}

function tuned(result: Result, call: Call, { mac, mtu }: Attributes): Result {
  const change = { ...(mac === undefined ? {} : { mac }), ...(mtu === undefined ? {} : { mtu }) };
  const interfaces = result.interfaces.map((each) => (isContainers(each, call) ? { ...each, ...change } : each));
  return { ...result, interfaces };
}
