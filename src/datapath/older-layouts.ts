// Layouts that maps had in earlier releases, and what their elements are now.

import type { MapFormat } from "#bpf/map.ts";
import { encode, Reader } from "#codec/codec.ts";
import { u16, u32 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { addressBytes, macOf, someAddress } from "./address-format.ts";
import { endpointsFormat, settingsFormat } from "./formats.ts";
import { policySet } from "./policy-format.ts";

/** Turns elements of one older layout into elements of the present one. */
export type Converter = {
  readonly from: { readonly name: string; readonly keySize: number; readonly valueSize: number };
  /** Key and value as bytes, each with its own memory. */
  readonly convert: (key: Uint8Array, value: Uint8Array) => readonly [key: Uint8Array, value: Uint8Array];
};

/** Pods, before policies. */
const unpolicedEndpoints = {
  name: "endpoints",
  key: someAddress,
  keySize: addressBytes,
  value: struct({ ifindex: u32, id: u16, mtu: u16, mac: macOf, hostMac: macOf }),
  valueSize: 20,
};

/** The node, before services and policies. */
const bareSettings = {
  name: "settings",
  key: u32,
  keySize: 4,
  value: struct({ tunnelIfindex: u32, tunnelId: u32, tunnelMac: macOf, flags: u16 }),
  valueSize: 16,
};

/** Of each older layout straight to the present one: who changes a format adds a row, and mends those that are there. */
export const converters: readonly Converter[] = [
  // What was open is open until the agent has resolved the policies.
  converter(unpolicedEndpoints, endpointsFormat, ([address, endpoint]) => [
    address,
    { ...endpoint, policySet: policySet.open, flags: 0 },
  ]),
  converter(bareSettings, settingsFormat, ([index, settings]) => [
    index,
    {
      ...{ generation: 0, tunnelPort: 0, firstPort: 0, lastPort: 0, node: { ipv4: undefined, ipv6: undefined } },
      ...settings,
    },
  ]),
];

function converter<K1, V1, K2, V2>(
  from: MapFormat<K1, V1>,
  to: MapFormat<K2, V2>,
  convert: (element: readonly [K1, V1]) => readonly [K2, V2],
): Converter {
  return {
    from,
    convert(key, value) {
      const [newKey, newValue] = convert([from.key.decode(new Reader(key)), from.value.decode(new Reader(value))]);
      return [encode(to.key, newKey), encode(to.value, newValue)];
    },
  };
}
