// What each attachment owns in the kernel, on disk: so that DEL and GC find it when the runtime tells them nothing.

import { mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import type { CniError } from "#cni/error.ts";
import type { Attachment, Call } from "#cni/plugin.ts";
import { isErrno } from "#kernel/errno.ts";
import { namesIn } from "./folder.ts";
import { ioFailure } from "./io-failure.ts";

/** One plugin's part of one attachment. */
export type Owner = {
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
  readonly plugin: string;
};

export function ownerOf(call: Call, plugin: string): Owner {
  return { network: call.network, containerId: call.containerId, ifname: call.ifname, plugin };
}

/** `shop/abc123:eth0:portmap`: names hold no slash and no colon (CNI's own rules), so this is unambiguous. */
export function formatOwner({ network, containerId, ifname, plugin }: Owner): string {
  return `${network}/${containerId}:${ifname}:${plugin}`;
}

/**
 * Records as small JSON files under one folder, one folder a network. The folder belongs on a tmpfs: what the records
 * speak of is gone after a reboot too. Written before the kernel is touched, removed after it is clean again.
 */
export class Ledger {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /**
   * Replaces the record at once: a reader, or a kill at any instant, sees the old one or the new.
   * @throws CniError 5 when the folder cannot be written
   */
  write(owner: Owner, record: unknown): void {
    try {
      this.#replace(owner, record);
    } catch (cause) {
      throw this.#failure(`Cannot write down attachment ${formatOwner(owner)}`, cause);
    }
  }

  #replace(owner: Owner, record: unknown): void {
    const path = this.#path(owner);
    // Hidden from `list`: the names of containers start with a letter or a digit.
    const draft = `${this.#dir}/${owner.network}/.${owner.containerId}:${owner.ifname}:${owner.plugin}`;
    const text = JSON.stringify(record);
    try {
      writeFileSync(draft, text, { mode: 0o600 });
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
      mkdirSync(`${this.#dir}/${owner.network}`, { recursive: true, mode: 0o700 });
      writeFileSync(draft, text, { mode: 0o600 });
    }
    renameSync(draft, path);
  }

  #failure(what: string, cause: unknown): CniError {
    return ioFailure(`${what} in ${this.#dir}`, "that folder must take files", cause);
  }

  /** The record as JSON; undefined when there is none or it is unreadable (check its shape before use). */
  read(owner: Owner): unknown {
    let text: string;
    try {
      text = readFileSync(this.#path(owner), "utf8");
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
      throw error;
    }
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return undefined;
    }
  }

  /** @throws CniError 5 when the folder cannot be written */
  remove(owner: Owner): void {
    try {
      // rmSync says EFAULT, not ENOTDIR, where a part of the path is a file.
      unlinkSync(this.#path(owner));
    } catch (cause) {
      if (isErrno(cause, "ENOENT", "ENOTDIR")) return;
      throw this.#failure(`Cannot strike out attachment ${formatOwner(owner)}`, cause);
    }
  }

  /** The attachments of a network for which `plugin` has a record. */
  list(network: string, plugin: string): readonly Owner[] {
    const owners: Owner[] = [];
    for (const name of namesIn(`${this.#dir}/${network}`)) {
      const [containerId, ifname, owner, ...rest] = name.split(":");
      if (containerId === undefined || containerId.startsWith(".") || ifname === undefined) continue;
      if (owner === plugin && rest.length === 0) owners.push({ network, containerId, ifname, plugin });
    }
    return owners;
  }

  /** The records of `list` that the runtime does not count among the living. */
  stale(network: string, plugin: string, valid: readonly Attachment[]): readonly Owner[] {
    const alive = new Set(valid.map(({ containerID, ifname }) => `${containerID}:${ifname}`));
    return this.list(network, plugin).filter(({ containerId, ifname }) => !alive.has(`${containerId}:${ifname}`));
  }

  #path(owner: Owner): string {
    return `${this.#dir}/${formatOwner(owner)}`;
  }
}
