// The life of what an attachment owns in the kernel: written down, made, and taken back by a record that may be lost.

import type { Decoder } from "#cni/decode.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import type { IfAddr } from "#net/cidr.ts";
import type { Host } from "./host.ts";
import type { Owner } from "./ledger.ts";

/** What an attachment's earlier ADD wrote down; undefined when there was none, or its record is damaged. */
export function readRecord<T>(host: Host, owner: Owner, decoder: Decoder<T>): T | undefined {
  const json = host.ledger.read(owner);
  try {
    return json === undefined ? undefined : decoder(json as Parameters<Decoder<T>>[0]);
  } catch {
    return undefined;
  }
}

/** Writes `record` down, then does what it speaks of; where that fails, `undo` it. @throws what `make` throws */
export async function makeRecorded<T>(
  host: Host,
  owner: Owner,
  record: T,
  make: () => void | Promise<void>,
  undo: () => void | Promise<void>,
): Promise<void> {
  host.ledger.write(owner, record);
  try {
    await make();
  } catch (error) {
    try {
      await undo();
    } catch {
      // The record stays: DEL and GC try again. What the caller must hear is why ADD failed.
    }
    throw error;
  }
}

/** Attachments with a record of `plugin` that the runtime does not count among the living; none when it sent no list. */
export function staleOwners(call: Call, host: Host, plugin: string): readonly Owner[] {
  if (call.validAttachments === undefined) return [];
  return host.ledger.stale(call.network, plugin, call.validAttachments);
}

/** For a DEL whose record is lost: what the runtime still tells, as `wanted` reads it. */
export function recordOfCall<T>(call: Call, wanted: (call: Call, prevResult: Result) => T | undefined): T | undefined {
  if (call.prevResult === undefined) return undefined;
  try {
    return wanted(call, call.prevResult);
  } catch (error) {
    // A configuration that is wrong by now made nothing.
    if (error instanceof CniError && error.code !== ErrorCode.internal) return undefined;
    throw error;
  }
}

/** The container's addresses, as the runtime still tells them. */
export function addressesTold(call: Call): readonly IfAddr[] {
  return call.prevResult?.ips.map(({ address }) => address) ?? [];
}

/** The error for a field that this plugin cannot honour; `advice` says what to write instead. */
export function unsupportedField(call: Call, field: string, value: unknown, advice: string): CniError {
  const message = `${call.type}: field "${field}" cannot be ${JSON.stringify(value)}: ${advice}`;
  return new CniError(ErrorCode.unsupportedField, message);
}
