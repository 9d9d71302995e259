// Keeps a node's ways to the others as they should be: after every change of a node, and of the kernel.

import { endpointLinks } from "#agent/state/endpoint.ts";
import { messageOf } from "#base/error-message.ts";
import type { Datapath, PeerEntry } from "#datapath/datapath.ts";
import type { Netns } from "#kernel/netns.ts";
import type { Ip } from "#net/ip.ts";
import type { Connection } from "#netlink/connection.ts";
import { findLink } from "#netlink/link.ts";
import { Monitor } from "#netlink/monitor.ts";
import { adoptOverlay, applyFabricOperation } from "./apply.ts";
import { readFabric, readOwnAddresses, readWays } from "./have.ts";
import { Offload, type OffloadOptions } from "./offload.ts";
import { formatFabricOperation, planFabric } from "./plan.ts";
import { probePeers } from "./probe-ways.ts";
import { type FabricMode, type FabricNode, type FabricWant, overlayName, wantFabric } from "./want.ts";

export type FabricOptions = {
  readonly connection: Connection;
  /** Of the connection; undefined: the process's own. */
  readonly netns?: Netns | undefined;
  readonly datapath: Datapath | undefined;
  readonly mode: FabricMode;
  /** All nodes as they are now; undefined for a `self` that is not known yet. */
  readonly nodes: () => { readonly self: FabricNode | undefined; readonly others: readonly FabricNode[] };
  readonly log: (line: string) => void;
  /** Told when links or addresses of the node may be others, and from time to time. */
  readonly woken?: () => void;
  /** Undefined: whether checksums in the overlay arrive is not looked at. */
  readonly offload?: Pick<OffloadOptions, "memory" | "random">;
};

/** What a burst of events says is looked at once. */
const settleMs = 20;
/** Events may be lost, and the packet path's maps tell of no change: it is all compared so often anyhow. */
const periodMs = 2_000;

/**
 * A fabric that runs from `start` until it is disposed.
 *
 *     using fabric = await Fabric.start({ … });
 *     fabric.wake();   // a node has changed
 */
export class Fabric implements Disposable {
  readonly #options: FabricOptions;
  readonly #stack = new DisposableStack();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #faults: readonly string[] = [];
  #peers: readonly PeerEntry[] = [];
  /** Whether all nodes were known once, and ways to them were made. */
  #isMade = false;
  readonly #offload: Offload | undefined;

  /** Resolves after the first round. @throws KernelError when the kernel gives no events */
  static async start(options: FabricOptions): Promise<Fabric> {
    const fabric = new Fabric(options);
    const { netns } = options;
    const monitor = await Monitor.open({
      topics: ["link", "route", "neighbour", "address"],
      netns,
      // What pods come and go with is no way to another node.
      links: { except: endpointLinks },
      onEvent: () => fabric.wake(),
    });
    fabric.#stack.use(monitor);
    fabric.#adopt();
    fabric.#round();
    return fabric;
  }

  private constructor(options: FabricOptions) {
    this.#options = options;
    const { connection, netns, offload, log } = options;
    if (offload !== undefined) this.#offload = this.#stack.use(new Offload({ connection, netns, log, ...offload }));
    const period = setInterval(() => this.wake(), periodMs);
    this.#stack.defer(() => clearInterval(period));
    this.#stack.defer(() => clearTimeout(this.#timer));
  }

  /** What cannot be now, a sentence each. */
  get faults(): readonly string[] {
    return this.#faults;
  }

  /** The ways to the others' blocks as they should be; empty before all nodes were known. */
  get peers(): readonly PeerEntry[] {
    return this.#peers;
  }

  /** Who makes the checksums of what goes through the overlay: the kernel where devices were found to make them wrong. */
  get tunnelChecksums(): "devices" | "kernel" {
    return this.#options.offload?.memory.checksums() === "kernel" ? "kernel" : "devices";
  }

  /** Something may have changed. */
  wake(): void {
    this.#options.woken?.();
    // Whoever waits for the first ways waits with the node's readiness.
    if (!this.#isMade) this.#round();
    else this.#timer ??= setTimeout(() => this.#round(), settleMs);
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  /** What an earlier agent has left goes on with this one's programs, also before the nodes are known. @throws KernelError */
  #adopt(): void {
    const { connection, datapath } = this.#options;
    const overlay = findLink(connection, overlayName);
    if (overlay?.mac !== undefined && overlay.info?.kind === "vxlan") {
      adoptOverlay({ connection, datapath }, overlay.index, overlay.mac);
    }
  }

  #round(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      this.#reconcile();
    } catch (error) {
      // The next round plans again from what is then.
      this.#options.log(`fabric: ${messageOf(error)}`);
    }
  }

  #reconcile(): void {
    const { connection, datapath, mode, nodes, log } = this.#options;
    const { self, others } = nodes();
    if (self === undefined) return;
    this.#isMade = true;
    const own = readOwnAddresses(connection);
    const isOwn = (address: Ip) => own.has(address);
    const want = wantFabric({ self, others, mode, wayTo: readWays(connection), isOwn });
    for (const fault of want.faults) if (!this.#faults.includes(fault)) log(`fabric: ${fault}`);
    this.#faults = want.faults;
    this.#peers = want.peers;
    const peers = datapath?.peers() ?? want.peers;
    for (const operation of planFabric(want, readFabric(connection, datapath), peers)) {
      log(`fabric: ${formatFabricOperation(operation)}`);
      applyFabricOperation({ connection, datapath }, operation);
    }
    this.#lookAtChecksums(self, want);
  }

  #lookAtChecksums(self: FabricNode, { overlay, routes }: FabricWant): void {
    const ifindex = overlay === undefined ? undefined : findLink(this.#options.connection, overlayName)?.index;
    this.#offload?.update(ifindex, self.addresses, probePeers(routes));
  }
}
