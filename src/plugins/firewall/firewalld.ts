// firewalld by D-Bus: pods as sources of one of its zones.

import { fstatSync, readFileSync, statSync } from "node:fs";
import { CniError, ErrorCode } from "#cni/error.ts";
import { isErrno } from "#kernel/errno.ts";
import type { Host } from "#plugins/host.ts";
import { BusUnavailable, MethodError, SystemBus, theBus } from "./dbus.ts";

const name = "org.fedoraproject.FirewallD1";
const path = "/org/fedoraproject/FirewallD1";
const noOwner = "org.freedesktop.DBus.Error.NameHasNoOwner";
const goneErrors = ["NoReply", "ServiceUnknown", "Disconnected"].map((word) => `org.freedesktop.DBus.Error.${word}`);

/**
 * The firewalld on the bus whose socket is at `socket`; undefined when none does. One of another network namespace does not
 * count: it would not see the pods' packets.
 */
export async function findFirewalld(socket: string, host: Host): Promise<Firewalld | undefined> {
  using open = new DisposableStack();
  try {
    const bus = open.use(await SystemBus.open(socket));
    const [pid] = await bus.call({ ...theBus, member: "GetConnectionUnixProcessID", args: [name] });
    if (typeof pid !== "number" || !isInNetns(pid, host)) return undefined;
    open.move();
    return new Firewalld(bus);
  } catch (error) {
    const isAbsent = error instanceof MethodError && error.errorName === noOwner;
    if (isAbsent || error instanceof BusUnavailable) return undefined;
    throw error;
  }
}

function isInNetns(pid: number, host: Host): boolean {
  const own = host.netns === undefined ? statSync("/proc/self/ns/net") : fstatSync(host.netns.fd);
  try {
    // In another process namespace than the bus, the number is nobody's, or somebody else's: then there is nothing to compare.
    if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("firewalld")) return true;
    const theirs = statSync(`/proc/${pid}/ns/net`);
    return theirs.dev === own.dev && theirs.ino === own.ino;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH", "EACCES", "EPERM")) return true;
    throw error;
  }
}

/** A running firewalld. What it is told is gone when it is reloaded, as all that is not in its files. */
export class Firewalld implements Disposable {
  readonly #bus: SystemBus;

  constructor(bus: SystemBus) {
    this.#bus = bus;
  }

  /** @throws CniError 7 when there is no such zone, or the source is in another one. */
  async add(zone: string, source: string): Promise<void> {
    try {
      await this.#call("addSource", zone, source);
    } catch (error) {
      const code = codeOf(error);
      if (code === "ZONE_ALREADY_SET") return;
      if (isGone(error)) {
        const message = `Cannot put ${source} into firewalld's zone "${zone}": firewalld ended meanwhile; try again`;
        throw new CniError(ErrorCode.tryAgainLater, message, { cause: error });
      }
      if (code === "INVALID_ZONE") {
        throw new CniError(
          ErrorCode.invalidConfig,
          `field "firewalldZone" cannot be "${zone}": firewalld has no such zone; make it with firewall-cmd --permanent --new-zone=${zone}, or name another one`,
          { cause: error },
        );
      }
      if (code === "ZONE_CONFLICT") {
        throw new CniError(
          ErrorCode.invalidConfig,
          `Cannot put ${source} into firewalld's zone "${zone}": it is in another one; take it out with firewall-cmd --remove-source=${source}`,
          { cause: error },
        );
      }
      throw error;
    }
  }

  /** No error when the source is not there, is in another zone by now, or the zone or firewalld is gone. */
  async remove(zone: string, source: string): Promise<void> {
    try {
      await this.#call("removeSource", zone, source);
    } catch (error) {
      if (isGone(error)) return;
      if (!["UNKNOWN_SOURCE", "ZONE_CONFLICT", "INVALID_ZONE"].includes(codeOf(error) ?? "")) throw error;
    }
  }

  async has(zone: string, source: string): Promise<boolean> {
    try {
      const [found] = await this.#call("querySource", zone, source);
      return found === true;
    } catch (error) {
      if (isGone(error) || codeOf(error) === "INVALID_ZONE") return false;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#bus[Symbol.dispose]();
  }

  #call(member: string, ...args: readonly string[]) {
    return this.#bus.call({ destination: name, path, interface: `${name}.zone`, member, args });
  }
}

/** All errors of firewalld have one name; which one it is stands before the first colon, a part of its interface. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof MethodError) || error.errorName !== `${name}.Exception`) return undefined;
  return error.text.split(":", 1)[0];
}

/** Firewalld ended between two calls, or during one: what it was told at run time is gone with it. */
function isGone(error: unknown): boolean {
  if (error instanceof BusUnavailable) return true;
  return error instanceof MethodError && [noOwner, ...goneErrors].includes(error.errorName);
}
