// Leases on disk, so that a keeper that starts again renews them, and a DEL without any keeper can give them back.

import { type Decoder, type Infer, int, list, Mismatch, map, object, optional, record, string } from "#cni/decode.ts";
import { ifAddr, ip, mac, maskedCidr } from "#cni/decode-address.ts";
import type { Json } from "#cni/json.ts";
import { type Family, families } from "#net/ip.ts";
import { namesIn } from "#plugins/folder.ts";
import { Ledger, type Owner } from "#plugins/ledger.ts";
import type { LeaseRecord, LeaseRecord4, LeaseRecord6 } from "./client.ts";
import type { LeaseId } from "./terms.ts";

/** An interface has at most one lease of each family. */
export type LeaseKey = { readonly id: LeaseId; readonly family: Family };

const pluginOf = { ipv4: "dhcp", ipv6: "dhcp6" } as const;

/** One small file for each lease under one folder. */
export class LeaseStore {
  readonly dir: string;
  readonly #ledger: Ledger;

  constructor(dir: string) {
    this.dir = dir;
    this.#ledger = new Ledger(dir);
  }

  write(stored: LeaseRecord): void {
    this.#ledger.write(ownerOf(stored), stored.family === "ipv4" ? written4(stored) : written6(stored));
  }

  /** Undefined when there is none, or it is unreadable: then there is nothing that could be renewed. */
  read({ id, family }: LeaseKey): LeaseRecord | undefined {
    const json = this.#ledger.read(ownerOf({ id, family }));
    if (json === undefined) return undefined;
    try {
      if (family === "ipv4") return { id, family, ...stored4(json as Json) };
      return { id, family, ...stored6(json as Json) };
    } catch (error) {
      if (error instanceof Mismatch || error instanceof RangeError) return undefined;
      throw error;
    }
  }

  remove(key: LeaseKey): void {
    this.#ledger.remove(ownerOf(key));
  }

  /** The leases of one network, or of all. */
  list(network?: string): readonly LeaseKey[] {
    const networks = network === undefined ? namesIn(this.dir) : [network];
    return networks.flatMap((name) =>
      families.flatMap((family) =>
        this.#ledger
          .list(name, pluginOf[family])
          .map(({ containerId, ifname }) => ({ id: { network: name, containerId, ifname }, family })),
      ),
    );
  }
}

function ownerOf({ id, family }: LeaseKey): Owner {
  return { ...id, plugin: pluginOf[family] };
}

function written4({ place, terms, lease }: LeaseRecord4) {
  const provide = [...terms.provide].map(([code, bytes]) => [String(code), inHex(bytes)]);
  return { place, terms: { ...terms, provide: Object.fromEntries(provide) }, lease };
}

function written6({ place, terms, lease }: LeaseRecord6) {
  return {
    place,
    terms: { ...terms, duid: inHex(terms.duid) },
    lease: { ...lease, server: inHex(lease.server) },
  };
}

function inHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

const bool: Decoder<boolean> = (value) => value === true;
const hex: Decoder<Uint8Array> = map(string, (text) => new Uint8Array(Buffer.from(text, "hex")));
const provide = map(record(hex), (byCode) => new Map(Object.entries(byCode).map(([code, v]) => [Number(code), v])));
/** Times have fractions of a millisecond. */
const time: Decoder<number> = (value) => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new Mismatch("a time", value);
  return value;
};

const place = object({ netns: string, ifname: string, mac });

const stored4 = object({
  place,
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
}) satisfies Decoder<Infer<Decoder<Omit<LeaseRecord4, "id" | "family">>>>;

const stored6 = object({
  place,
  terms: object({ duid: hex, hostName: optional(string) }),
  lease: object({
    address: ifAddr,
    dns: object({ nameservers: optional(list(string)), search: optional(list(string)) }),
    server: hex,
    renewAt: time,
    rebindAt: time,
    expiresAt: time,
  }),
}) satisfies Decoder<Infer<Decoder<Omit<LeaseRecord6, "id" | "family">>>>;
