// Leases on disk, so that a keeper that starts again renews them, and a DEL without any keeper can give them back.

import { readdirSync } from "node:fs";
import { type Decoder, type Infer, int, list, Mismatch, map, object, optional, record, string } from "#cni/decode.ts";
import { ifAddr, ip, mac, maskedCidr } from "#cni/decode-address.ts";
import type { Json } from "#cni/json.ts";
import { isErrno } from "#kernel/errno.ts";
import { Ledger, type Owner } from "#plugins/ledger.ts";
import type { Lease } from "./lease.ts";
import type { LeaseId, Terms } from "./terms.ts";
import type { Place } from "./wire.ts";

/** A lease, whose it is, and what renewing and releasing it takes. */
export type LeaseRecord = {
  readonly id: LeaseId;
  readonly place: Required<Place>;
  readonly terms: Terms;
  readonly lease: Lease;
};

const plugin = "dhcp";

/** One small file for each lease under one folder. */
export class LeaseStore {
  readonly dir: string;
  readonly #ledger: Ledger;

  constructor(dir: string) {
    this.dir = dir;
    this.#ledger = new Ledger(dir);
  }

  write(stored: LeaseRecord): void {
    const { id, place, lease, terms } = stored;
    const provide = [...terms.provide].map(([code, bytes]) => [String(code), Buffer.from(bytes).toString("hex")]);
    this.#ledger.write(ownerOf(id), {
      place,
      terms: { ...terms, provide: Object.fromEntries(provide) },
      lease,
    });
  }

  /** Undefined when there is none, or it is unreadable: then there is nothing that could be renewed. */
  read(id: LeaseId): LeaseRecord | undefined {
    const json = this.#ledger.read(ownerOf(id));
    if (json === undefined) return undefined;
    try {
      return { id, ...storedLease(json as Json) };
    } catch (error) {
      if (error instanceof Mismatch || error instanceof RangeError) return undefined;
      throw error;
    }
  }

  remove(id: LeaseId): void {
    this.#ledger.remove(ownerOf(id));
  }

  /** The interfaces of one network, or of all, that have a lease. */
  list(network?: string): readonly LeaseId[] {
    const networks = network === undefined ? this.#networks() : [network];
    return networks.flatMap((name) =>
      this.#ledger.list(name, plugin).map(({ containerId, ifname }) => ({ network: name, containerId, ifname })),
    );
  }

  #networks(): readonly string[] {
    try {
      return readdirSync(this.dir);
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR")) return [];
      throw error;
    }
  }
}

function ownerOf(id: LeaseId): Owner {
  return { ...id, plugin };
}

const bool: Decoder<boolean> = (value) => value === true;
const hex: Decoder<Uint8Array> = map(string, (text) => new Uint8Array(Buffer.from(text, "hex")));
const provide = map(record(hex), (byCode) => new Map(Object.entries(byCode).map(([code, v]) => [Number(code), v])));
/** Times have fractions of a millisecond. */
const time: Decoder<number> = (value) => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new Mismatch("a time", value);
  return value;
};

const storedLease = object({
  place: object({ netns: string, ifname: string, mac }),
  terms: object({ request: list(int({ min: 0, max: 255 })), provide, broadcast: bool }),
  lease: object({
    address: ifAddr,
    gateway: optional(ip),
    routes: list(object({ dst: maskedCidr, gw: optional(ip), mtu: optional(int()), scope: optional(int()) })),
    dns: object({ nameservers: optional(list(string)), domain: optional(string), search: optional(list(string)) }),
    server: ip,
    serverMac: mac,
    renewAt: time,
    rebindAt: time,
    expiresAt: time,
  }),
}) satisfies Decoder<Infer<Decoder<Omit<LeaseRecord, "id">>>>;
