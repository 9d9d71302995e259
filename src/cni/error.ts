// The error a CNI executable prints, its well-known codes, and how any other error becomes one.

import { messageOf } from "#base/error-message.ts";
import type { SpecVersion } from "./version.ts";

/** Codes of the specification, section 5 ("Error"), and two that libcni adds: 8 and 999. */
export const ErrorCode = {
  incompatibleVersion: 1,
  /** The message must hold the key and the value. */
  unsupportedField: 2,
  /** The runtime need not call DEL. */
  unknownContainer: 3,
  /** The message must name the variables. */
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidConfig: 7,
  /** libcni only: the namespace given is the plugin's own. */
  invalidNetns: 8,
  tryAgainLater: 11,
  /** STATUS: ADD cannot be served. */
  notAvailable: 50,
  /** STATUS: ADD cannot be served, and containers already running may have lost connectivity. */
  limitedConnectivity: 51,
  /** libcni only: an error without a code. */
  internal: 999,
} as const;

/** What a CNI executable answers with when it fails. Codes from 100 up are the plugin's own. */
export class CniError extends Error {
  override readonly name = "CniError";
  readonly code: number;
  readonly details: string;

  constructor(code: number, message: string, options: { readonly details?: string; readonly cause?: unknown } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.details = options.details ?? "";
  }
}

/** A `CniError` stays as it is; anything else becomes code 999 with its message, and its chain of causes as details. */
export function toCniError(error: unknown): CniError {
  if (error instanceof CniError) return error;
  const [message = "Unknown error", ...causes] = messagesOf(error);
  return new CniError(ErrorCode.internal, message, { details: causes.join(": "), cause: error });
}

/** The JSON a failed call prints on standard output (specification, section 5 "Error"), indented by 4, with a final newline. */
export function formatError(error: unknown, cniVersion: SpecVersion): string {
  const { code, message, details } = toCniError(error);
  const body = { cniVersion, code, msg: message, ...(details === "" ? {} : { details }) };
  return `${JSON.stringify(body, undefined, 4)}\n`;
}

const maxCauses = 8;

function messagesOf(error: unknown): string[] {
  const messages: string[] = [];
  for (let at = error; at !== undefined && messages.length < maxCauses; ) {
    messages.push(messageOf(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return messages;
}
