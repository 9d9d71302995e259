// A slice of endpoints in little memory: there are many endpoints, and all but a few are looked at only when their service changes.

import { bitsOf, ipBytes, ipFromBytes } from "#net/ip.ts";
import type { EndpointState, SliceEndpoint, SliceModel, SlicePort } from "./slice.ts";

/** A slice whose endpoints are bytes: of each its address, its state, and where in `names` what is said of it stands. */
export type PackedSlice = Pick<SliceModel, "service" | "family"> & {
  readonly ports: string;
  readonly names: readonly string[];
  readonly endpoints: Uint8Array;
};

/** One text for all that are equal. */
export type Intern = (text: string) => string;

const states: readonly EndpointState[] = ["ready", "draining"];
const nameBytes = 2;

/** Names and ports come again in many slices: `intern` gives one of them for all. */
export function packSlice({ service: name, family, ports, endpoints }: SliceModel, intern: Intern): PackedSlice {
  const names = new Map<string, number>();
  const size = sizeOf(family);
  const bytes = new Uint8Array(endpoints.length * size);
  for (const [index, { address, state, node, zones, nodes }] of endpoints.entries()) {
    // What is said of an endpoint, as one text: mostly its node alone.
    const text = intern(zones.length + nodes.length === 0 ? node : JSON.stringify([node, zones, nodes]));
    const place = names.get(text) ?? names.size;
    names.set(text, place);
    const start = index * size;
    bytes.set(ipBytes(address), start);
    bytes[start + size - nameBytes - 1] = states.indexOf(state);
    bytes[start + size - nameBytes] = place & 0xff;
    bytes[start + size - nameBytes + 1] = place >> 8;
  }
  return {
    service: intern(name),
    family,
    ports: intern(JSON.stringify(ports)),
    names: [...names.keys()],
    endpoints: bytes,
  };
}

/** The slice as it was packed. */
export function unpackSlice({ service, family, ports, names, endpoints: bytes }: PackedSlice): SliceModel {
  const size = sizeOf(family);
  const places = names.map(readName);
  const endpoints = Array.from({ length: bytes.length / size }, (_, index): SliceEndpoint => {
    const start = index * size;
    const place = (bytes[start + size - nameBytes] ?? 0) + ((bytes[start + size - nameBytes + 1] ?? 0) << 8);
    return {
      address: ipFromBytes(bytes.slice(start, start + addressBytes(family))),
      state: states[bytes[start + size - nameBytes - 1] ?? 0] ?? "ready",
      ...(places[place] ?? nowhere),
    };
  });
  return { service, family, ports: JSON.parse(ports) as readonly SlicePort[], endpoints };
}

type Place = Pick<SliceEndpoint, "node" | "zones" | "nodes">;

const none: readonly never[] = [];
const nowhere: Place = { node: "", zones: none, nodes: none };

/** A node's name has no brackets (RFC 1123). */
function readName(text: string): Place {
  if (!text.startsWith("[")) return { node: text, zones: none, nodes: none };
  const [node, zones, nodes] = JSON.parse(text) as readonly [string, readonly string[], readonly string[]];
  return { node, zones, nodes };
}

function addressBytes(family: SliceModel["family"]): number {
  return bitsOf(family) / 8;
}

function sizeOf(family: SliceModel["family"]): number {
  return addressBytes(family) + 1 + nameBytes;
}
