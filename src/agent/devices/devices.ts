// Keeps the packet path's programs on what the node's devices receive and send, as devices, addresses and routes come and go.

import { endpointLinks } from "#agent/state/endpoint.ts";
import { messageOf } from "#base/error-message.ts";
import type { Datapath } from "#datapath/datapath.ts";
import { isErrno } from "#kernel/errno.ts";
import type { Netns } from "#kernel/netns.ts";
import type { Ip } from "#net/ip.ts";
import { removeProgram } from "#netlink/bpf-filter.ts";
import type { Connection } from "#netlink/connection.ts";
import { Monitor } from "#netlink/monitor.ts";
import { readDevices } from "./have.ts";
import { type Device, selectDevices, unservedDevices } from "./want.ts";

export type DevicesOptions = {
  readonly connection: Connection;
  readonly netns: Netns | undefined;
  readonly datapath: Pick<Datapath, "attachDevice" | "isAttached">;
  /** The node's own addresses, as the cluster knows them. */
  readonly nodeAddresses: () => readonly Ip[];
  /** Names of devices; none: they are found. */
  readonly named: readonly string[];
  /** Told when devices or their addresses are others. */
  readonly changed: () => void;
  readonly log: (line: string) => void;
};

/** What a burst of events says is looked at once. */
const settleMs = 50;
/** A program that somebody takes away tells nobody who listens for links: they are looked for so often. */
const mendMs = 1_000;
const programs = ["from_net", "to_net"] as const;

/**
 * Devices with their program from `start` until it is disposed; the programs stay.
 *
 *     using devices = await Devices.start({ … });
 */
export class Devices implements Disposable {
  readonly #options: DevicesOptions;
  readonly #stack = new DisposableStack();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #known: readonly Device[] = [];
  #unserved = "";

  /** Resolves after the first look. @throws KernelError when the kernel gives no events */
  static async start(options: DevicesOptions): Promise<Devices> {
    const devices = new Devices(options);
    const { netns } = options;
    const monitor = await Monitor.open({
      topics: ["link", "route", "address"],
      netns,
      links: { except: endpointLinks },
      onEvent: () => devices.wake(),
    });
    devices.#stack.use(monitor);
    devices.#round();
    return devices;
  }

  private constructor(options: DevicesOptions) {
    this.#options = options;
    const mending = setInterval(() => this.#mend(), mendMs);
    this.#stack.defer(() => clearInterval(mending));
    this.#stack.defer(() => clearTimeout(this.#timer));
  }

  /** Those with a program. */
  get list(): readonly Device[] {
    return this.#known;
  }

  /** Something may have changed. */
  wake(): void {
    this.#timer ??= setTimeout(() => this.#round(), settleMs);
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  /** Once for each other set of them. */
  #tellUnserved(devices: readonly Device[]): void {
    const names = devices.map(({ name }) => name).join(", ");
    if (names !== this.#unserved && names !== "") {
      this.#options.log(
        `devices: leave ${names} alone: packets without an Ethernet header are not translated for services`,
      );
    }
    this.#unserved = names;
  }

  #mend(): void {
    const { connection, datapath, log } = this.#options;
    for (const { ifindex, name } of this.#known) {
      for (const program of programs) {
        try {
          if (datapath.isAttached(connection, ifindex, program)) continue;
          datapath.attachDevice(connection, ifindex, program);
          log(`devices: program ${program} of ${name} was missing, mended`);
        } catch (error) {
          // A device that has just gone tells so itself.
          if (!isErrno(error, "ENODEV")) log(`devices: ${messageOf(error)}`);
        }
      }
    }
  }

  #round(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { connection, datapath, nodeAddresses, named, changed, log } = this.#options;
    try {
      const have = readDevices(connection);
      const wanted = selectDevices(have, nodeAddresses(), named);
      this.#tellUnserved(unservedDevices(have, nodeAddresses(), named));
      const known = new Set(this.#known.map(({ ifindex }) => ifindex));
      for (const device of wanted) {
        if (known.has(device.ifindex)) continue;
        log(`devices: watch what ${device.name} receives`);
        for (const program of programs) datapath.attachDevice(connection, device.ifindex, program);
      }
      const left = new Set(wanted.map(({ ifindex }) => ifindex));
      for (const { ifindex, name } of this.#known) {
        if (left.has(ifindex)) continue;
        log(`devices: leave ${name} alone`);
        for (const direction of ["ingress", "egress"] as const)
          connection.apply([removeProgram({ ifindex, direction })]);
      }
      const differs = JSON.stringify(wanted) !== JSON.stringify(this.#known);
      this.#known = wanted;
      if (differs) changed();
    } catch (error) {
      // The next round looks again.
      log(`devices: ${messageOf(error)}`);
    }
  }
}
