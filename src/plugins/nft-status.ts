// Whether nftables can be used on this node, for STATUS.

import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import { KernelError } from "#kernel/errno.ts";
import type { Host } from "./host.ts";

/** Changes nothing. @throws CniError 50 */
export function requireNftables(call: Call, host: Host): void {
  try {
    host.nft().list({ tables: null });
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause;
    throw new CniError(ErrorCode.notAvailable, `${call.type}: nftables cannot be used: ${cause.message}`, { cause });
  }
}
