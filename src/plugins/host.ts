// The machine as plugins see it: its namespace, connections to its kernel, records, and how to call other plugins.

import type { DelegateOptions } from "#cni/delegate.ts";
import type { Netns } from "#kernel/netns.ts";
import { Nftables } from "#kernel/nftables.ts";
import { Connection } from "#netlink/connection.ts";
import { NftTransactions } from "#netlink/nft-transaction.ts";
import type { LeaseKeeper } from "./dhcp/lease-keeper.ts";
import { PoolCache } from "./host-local/store.ts";
import { Ledger } from "./ledger.ts";
import { type LinkRemover, removeAtOnce } from "./link-remover.ts";
import { defaultRunDir } from "./run-dir.ts";

export type Host = {
  /** The node's namespace; undefined: the one this process runs in. */
  readonly netns: Netns | undefined;
  /** Folder for what a reboot may forget. */
  readonly runDir: string;
  readonly ledger: Ledger;
  /** What host-local remembers of its folders. */
  readonly pools: PoolCache;
  /** How to call other plugins. */
  readonly delegates: DelegateOptions;
  /** rtnetlink in the node's namespace. */
  readonly route: () => Connection;
  /** rtnetlink in a container's namespace; the caller closes it. */
  readonly routeIn: (netns: Netns) => Connection;
  /** nftables in the node's namespace, for set-up and listings. */
  readonly nft: () => Nftables;
  /**
   * Elements of nftables in the node's namespace, and tracked connections. The kernel holds up whoever closes such a socket after a
   * removal for a grace period, about 14 ms: they stay open.
   */
  readonly nftTransactions: () => NftTransactions;
  readonly netfilter: () => Connection;
  /** Takes links out of the way; they may vanish a moment later. */
  readonly remover: LinkRemover;
  /** Keeps DHCP leases; undefined in a process that ends with its call. */
  readonly leases?: LeaseKeeper | undefined;
  /** Fills `bytes` with randomness. */
  readonly random: (bytes: Uint8Array) => Uint8Array;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
};

export type HostOptions = {
  readonly netns?: Netns;
  readonly runDir?: string;
  readonly delegates?: DelegateOptions;
  readonly remover?: LinkRemover;
  readonly leases?: LeaseKeeper;
  readonly random: (bytes: Uint8Array) => Uint8Array;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
};

/** Connections open at first use and stay open. */
export class OpenHost implements Host, Disposable {
  readonly netns: Netns | undefined;
  readonly runDir: string;
  readonly ledger: Ledger;
  readonly pools = new PoolCache();
  readonly delegates: DelegateOptions;
  readonly remover: LinkRemover;
  readonly leases: LeaseKeeper | undefined;
  readonly random: (bytes: Uint8Array) => Uint8Array;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly route: () => Connection;
  readonly routeIn = (netns: Netns) => new Connection("route", netns);
  readonly nft: () => Nftables;
  readonly nftTransactions: () => NftTransactions;
  readonly netfilter: () => Connection;
  readonly #open = new DisposableStack();

  constructor(options: HostOptions) {
    this.netns = options.netns;
    this.runDir = options.runDir ?? defaultRunDir;
    this.ledger = new Ledger(`${this.runDir}/cni`);
    this.delegates = options.delegates ?? {};
    this.remover = options.remover ?? removeAtOnce;
    this.leases = options.leases;
    this.random = options.random;
    this.now = options.now;
    this.sleep = options.sleep;
    this.route = once(() => this.#open.use(new Connection("route", this.netns)));
    this.nft = once(() => this.#open.use(new Nftables(this.netns)));
    this.nftTransactions = once(() => this.#open.use(new NftTransactions(this.netns)));
    this.netfilter = once(() => this.#open.use(new Connection("netfilter", this.netns)));
  }

  [Symbol.dispose](): void {
    this.#open.dispose();
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
