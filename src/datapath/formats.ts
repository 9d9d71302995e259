// The maps of the packet path as plain data: one format per map, as the headers under bpf/ declare them.

import { mapFormat } from "#bpf/map.ts";
import type { Codec } from "#codec/codec.ts";
import { padding, u16, u16be, u32, u64 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import type { Ip } from "#net/ip.ts";
import { address, addressBytes, block, macOf, someAddress } from "./address-format.ts";

/** Pods of this node, by address (bpf/endpoints.h). */
export const endpointsFormat = mapFormat({
  name: "endpoints",
  key: someAddress,
  keySize: addressBytes,
  value: struct({ ifindex: u32, id: u16, mtu: u16, mac: macOf, hostMac: macOf, policySet: u32, flags: u32 }),
  valueSize: 28,
});

/** Bits of an endpoint's `flags`. */
export const endpointFlags = { byLink: 1, keepsConnections: 2 } as const;

/** Bits of a source's `flags`. */
export const sourceFlags = { paced: 1 } as const;

/** What a pod may send as, by the host's end of its link (bpf/endpoints.h). */
export const sourcesFormat = mapFormat({
  name: "sources",
  key: u32,
  keySize: 4,
  // A field whose value may be undefined is no field of `struct`: both addresses are one codec.
  value: struct({ addresses: pair(), id: u16, flags: u16 }),
  valueSize: 36,
});

function pair(): Codec<{ readonly ipv4: Ip | undefined; readonly ipv6: Ip | undefined }> {
  return {
    encode(writer, { ipv4, ipv6 }) {
      address.encode(writer, ipv4);
      address.encode(writer, ipv6);
    },
    decode: (reader) => ({ ipv4: address.decode(reader), ipv6: address.decode(reader) }),
  };
}

export const peerTunnel = 1;

/** Where pods of other nodes are, by block (bpf/peers.h). */
export const peersFormat = mapFormat({
  name: "peers",
  key: block,
  keySize: 20,
  value: struct({ node: someAddress, mac: macOf, flags: u16 }),
  valueSize: 24,
});

/** Bits of the settings' `flags`. */
export const settingFlags = { kernelTranslates: 1, services: 2, hostBackends: 4 } as const;

/** What the node has once (bpf/settings.h). */
export const settingsFormat = mapFormat({
  name: "settings",
  key: u32,
  keySize: 4,
  value: struct({
    tunnelIfindex: u32,
    tunnelId: u32,
    tunnelMac: macOf,
    flags: u16,
    generation: u32,
    tunnelPort: u16be,
    pad: padding(2),
    node: pair(),
    firstPort: u16,
    lastPort: u16,
  }),
  valueSize: 60,
});

/** Outcomes in the order of `enum outcome` (bpf/counters.h). */
export const outcomes = [
  "forward-local",
  "forward-tunnel",
  "forward-kernel",
  "drop-malformed",
  "drop-source",
  "drop-tunnel-source",
  "drop-no-endpoint",
  "drop-tunnel-key",
  "drop-policy",
  "drop-fragment",
  "drop-ports",
  "drop-service",
  "drop-translation",
  "refused-service",
  "forward-net",
  "drop-route",
  "drop-pace",
  "refused-size",
  "refused-hops",
  "drop-tunnel-node",
] as const;

export type Outcome = (typeof outcomes)[number];

/** Per processor, by the number of the outcome (bpf/counters.h). */
export const countersFormat = mapFormat({
  name: "counters",
  key: u32,
  keySize: 4,
  value: struct({ packets: u64, bytes: u64 }),
  valueSize: 16,
});
