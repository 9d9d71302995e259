// Names of the links that shape what containers send.

import type { Owner } from "#plugins/ledger.ts";

type Attachment = Pick<Owner, "network" | "containerId" | "ifname">;

/** Unlike the reference's it tells two interfaces of one container apart, which there get the same name. */
export function ifbName({ network, containerId, ifname }: Attachment): string {
  // CNI's names hold no slash.
  return hashed(`${network}/${containerId}/${ifname}`);
}

/** What the reference's plugin calls it. */
export function referenceIfbName({ network, containerId }: Attachment): string {
  return hashed(`${network}${containerId}`);
}

function hashed(text: string): string {
  return `bwp${Bun.CryptoHasher.hash("sha512", text, "hex").slice(0, 12)}`;
}
