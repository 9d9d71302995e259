// portmap's configuration, and the record of what an attachment has mapped.

import {
  bool,
  decode,
  type Infer,
  int,
  list,
  map,
  object,
  optional,
  refine,
  string,
  unlessEmpty,
  withDefault,
} from "#cni/decode.ts";
import { ifAddr, ip } from "#cni/decode-address.ts";
import type { Call } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import { familyOfCidr, type IfAddr } from "#net/cidr.ts";
import type { Family } from "#net/ip.ts";
import { nftProtocols } from "#netlink/nft-element.ts";
import { isContainers } from "#plugins/chained.ts";
import { unsupportedField } from "#plugins/recorded.ts";

const port = int({ min: 1, max: 65535 });
type Protocol = keyof typeof nftProtocols;
const protocols = Object.keys(nftProtocols).filter((word): word is Protocol => word in nftProtocols);

const protocol = map(
  refine(string, `one of ${protocols.map((word) => JSON.stringify(word)).join(", ")}`, (word) =>
    protocols.some((known) => known === word.toLowerCase()),
  ),
  (word) => protocols.find((known) => known === word.toLowerCase()) ?? "tcp",
);

const mapping = object({
  hostPort: port,
  containerPort: port,
  protocol: map(unlessEmpty(protocol), (word) => word ?? "tcp"),
  /** 0.0.0.0 and :: stand for all addresses of their family, none for all of both. */
  hostIP: unlessEmpty(ip),
});
export type Mapping = Infer<typeof mapping>;

const portmapConf = object({
  backend: unlessEmpty(string),
  snat: withDefault(bool, true),
  masqAll: withDefault(bool, false),
  // Accepted since runtimes write it; sets take the place of marks.
  markMasqBit: optional(int({ min: 0, max: 31 })),
  externalSetMarkChain: unlessEmpty(string),
  conditionsV4: withDefault(list(string), []),
  conditionsV6: withDefault(list(string), []),
  runtimeConfig: optional(object({ portMappings: withDefault(list(mapping), []) })),
});

/** The decoder of `PortmapRecord`. */
export const portmapRecord = object({
  /** The container's addresses that ports are mapped to, at most one of each family. */
  addresses: list(ifAddr),
  mappings: list(mapping),
  /** Which connections get the node's address as their source, that answers find back. */
  masquerade: map(string, (word): Masquerade => masquerades.find((known) => known === word) ?? "own"),
});

const masquerades = ["none", "own", "all"] as const;
/** Of connections to mapped ports: none; those from the node itself and from the pod's own subnet; all. */
export type Masquerade = (typeof masquerades)[number];

/** What an attachment has mapped. */
export type PortmapRecord = Infer<typeof portmapRecord>;

/** @throws CniError 2 for fields that only iptables can honour, 7 for wrong ones. */
export function readConf(call: Call): Infer<typeof portmapConf> {
  const conf = decode(portmapConf, call.config, call.type);
  const { backend, externalSetMarkChain, conditionsV4, conditionsV6 } = conf;
  if (backend !== undefined && backend !== "nftables") {
    const advice = 'ports are mapped by nftables; leave the field out or set it to "nftables"';
    throw unsupportedField(call, "backend", backend, advice);
  }
  if (externalSetMarkChain !== undefined) {
    const advice = "it names an iptables chain, and ports are mapped by nftables; leave it out, and snat does its work";
    throw unsupportedField(call, "externalSetMarkChain", externalSetMarkChain, advice);
  }
  const advice = "extra conditions are not supported; limit a mapping by its hostIP instead";
  if (conditionsV4.length > 0) throw unsupportedField(call, "conditionsV4", conditionsV4, advice);
  if (conditionsV6.length > 0) throw unsupportedField(call, "conditionsV6", conditionsV6, advice);
  return conf;
}

/** What this call wants mapped; undefined when nothing. @throws CniError as `readConf` */
export function wantedRecord(call: Call, prevResult: Result): PortmapRecord | undefined {
  const { runtimeConfig, snat, masqAll } = readConf(call);
  const mappings = runtimeConfig?.portMappings ?? [];
  if (mappings.length === 0) return undefined;
  const masquerade = snat ? (masqAll ? "all" : "own") : "none";
  return { addresses: podAddresses(call, prevResult), mappings, masquerade };
}

/** The first IPv4 and the first IPv6 address of the interface that the call names. */
function podAddresses(call: Call, { interfaces, ips }: Result): readonly IfAddr[] {
  const own = ips.filter(({ interface: index }) => {
    const at = index === undefined ? undefined : interfaces[index];
    return index === undefined || (at !== undefined && isContainers(at, call));
  });
  const firstOf = (family: Family) => own.find(({ address }) => familyOfCidr(address) === family)?.address;
  return [firstOf("ipv4"), firstOf("ipv6")].filter((address) => address !== undefined);
}
