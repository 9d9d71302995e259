// The DHCP unique identifier that a container's interface goes by (RFC 8415, section 11).

import { formatLeaseId, type LeaseId } from "#plugins/dhcp/terms.ts";

export type Duid = Uint8Array;

const typeUuid = 4;

/**
 * A DUID-UUID (RFC 6355) of the container's own: what asks for an address is the container, which knows nothing of its
 * neighbours on the node, and a number of 32 bits (the IAID) is too short to tell a node's containers apart. Made from container,
 * network and interface (RFC 9562, version 8), so that an ADD that is tried again is the same client; it stays in the lease's record.
 */
export function duidOf(id: LeaseId): Duid {
  const digest = new Bun.CryptoHasher("sha256").update(`dhcpv6:${formatLeaseId(id)}`).digest();
  const duid = new Uint8Array(18);
  duid.set([0, typeUuid]);
  duid.set(digest.subarray(0, 16), 2);
  const uuid = duid.subarray(2);
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x80;
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80;
  return duid;
}
