// What an interface was like before: a file of the reference's shape, so that either plugin undoes the other's ADD.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { boolOrText, decode, int, object, optional, parseJson, unlessEmpty } from "#cni/decode.ts";
import { mac } from "#cni/decode-address.ts";
import { CniError } from "#cni/error.ts";
import { isErrno } from "#kernel/errno.ts";
import { type Link, LinkFlag, type LinkSettings } from "#netlink/link.ts";
import { ioFailure } from "#plugins/io-failure.ts";
import type { Attributes } from "./conf.ts";

const backup = object({
  mac: unlessEmpty(mac),
  promisc: optional(boolOrText),
  mtu: optional(int({ min: 0 })),
  allmulti: optional(boolOrText),
  txQLen: optional(int({ min: 0 })),
});

/** `<dataDir>/<containerID>_<ifname>.json`: the reference's name for it. */
export function backupPath(dataDir: string, { containerId, ifname }: { containerId: string; ifname: string }): string {
  return `${dataDir}/${containerId}_${ifname}.json`;
}

/** The present values of what `wanted` is about to change. */
export function attributesOf(link: Link, wanted: Attributes): Attributes {
  return {
    mac: wanted.mac === undefined ? undefined : link.mac,
    promisc: wanted.promisc === undefined ? undefined : hasFlag(link, LinkFlag.promisc),
    mtu: wanted.mtu === undefined ? undefined : link.mtu,
    allmulti: wanted.allmulti === undefined ? undefined : hasFlag(link, LinkFlag.allmulti),
    txQLen: wanted.txQLen === undefined ? undefined : link.txqlen,
  };
}

export function toSettings({ mac, promisc, mtu, allmulti, txQLen }: Attributes): LinkSettings {
  return { mac, promisc, mtu, allmulti, txqlen: txQLen };
}

export function isEmpty(attributes: Attributes): boolean {
  return Object.values(attributes).every((value) => value === undefined);
}

/** Replaces the file at once. @throws CniError 5 when its folder cannot be written */
export function writeBackup(path: string, { mac, promisc, mtu, allmulti, txQLen }: Attributes): void {
  const text = JSON.stringify({ mac, promisc, mtu, allmulti, txQLen }, undefined, 1);
  const draft = `${path}.draft`;
  try {
    mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
    writeFileSync(draft, text, { mode: 0o600 });
    renameSync(draft, path);
  } catch (cause) {
    rmSync(draft, { force: true });
    throw ioFailure(`tuning: Cannot write ${path}`, 'set field "dataDir" to another folder', cause);
  }
}

/** Undefined when there is none, or when it is unreadable and nothing can be restored from it. */
export function readBackup(path: string): Attributes | undefined {
  try {
    return decode(backup, parseJson(readFileSync(path, "utf8"), path), path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR") || error instanceof CniError) return undefined;
    throw error;
  }
}

export function removeBackup(path: string): void {
  rmSync(path, { force: true });
}

function hasFlag(link: Link, flag: number): boolean {
  return (link.flags & flag) !== 0;
}
