// Calling another plugin on behalf of a call: IPAM for a main plugin, a main plugin for a meta plugin.

import { CniError, ErrorCode } from "./error.ts";
import { execPlugin, resultOf, throwIfFailed } from "./exec.ts";
import { findPlugin } from "./find-plugin.ts";
import type { JsonObject } from "./json.ts";
import { withConfig } from "./parse-call.ts";
import type { Call, Verb } from "./plugin.ts";
import { emptyResult, type Result } from "./result.ts";

/**
 * A plugin of ours for a call that is parsed already: what its executable would do, without a process or text in between.
 * Resolves with the result of ADD, for other verbs with the empty one. `runDelegated` makes one of a plugin.
 * @throws CniError as the executable would have printed it.
 */
export type OwnDelegate = (call: Call) => Promise<Result>;

export type DelegateOptions = {
  /** The plugin itself when the executable found is one of ours; undefined executes the file. */
  readonly inProcess?: (file: string, type: string) => OwnDelegate | undefined;
  /** Receives what the delegate printed on stderr. */
  readonly onStderr?: (text: string) => void;
  /** The delegate's configuration where it is not the caller's own, as flannel writes it. */
  readonly config?: JsonObject;
  readonly signal?: AbortSignal;
};

/**
 * ADD through the plugin `type`.
 * @throws CniError the delegate's own, with its code and message.
 */
export async function delegateAdd(call: Call, type: string, options: DelegateOptions = {}): Promise<Result> {
  return await delegate(call, type, "ADD", options);
}

/** Runs another plugin's DEL on the same call. @throws CniError, the plugin's own */
export async function delegateDel(call: Call, type: string, options: DelegateOptions = {}): Promise<void> {
  await delegate(call, type, "DEL", options);
}

/** Runs another plugin's CHECK on the same call. @throws CniError, the plugin's own */
export async function delegateCheck(call: Call, type: string, options: DelegateOptions = {}): Promise<void> {
  await delegate(call, type, "CHECK", options);
}

/** Runs another plugin's GC on the same call. @throws CniError, the plugin's own */
export async function delegateGc(call: Call, type: string, options: DelegateOptions = {}): Promise<void> {
  await delegate(call, type, "GC", options);
}

/** @throws CniError 50 also when the delegate is not installed: ADD could not be served. */
export async function delegateStatus(call: Call, type: string, options: DelegateOptions = {}): Promise<void> {
  await delegate(call, type, "STATUS", options);
}

/**
 * Runs the plugin `type`, found along CNI_PATH, with the call's environment (only CNI_COMMAND replaced) and its complete
 * configuration (specification, section 4 "Plugin Delegation").
 */
async function delegate(call: Call, type: string, command: Verb, options: DelegateOptions): Promise<Result> {
  const file = find(call, type, command);
  const own = options.inProcess?.(file, type);
  if (own !== undefined) {
    const handedOn = { ...call, command };
    return await own(options.config === undefined ? handedOn : withConfig(handedOn, options.config, type));
  }
  const env = new Map(call.env).set("CNI_COMMAND", command);
  const stdin = options.config === undefined ? call.stdin : JSON.stringify(options.config);
  const outcome = await execPlugin(file, env, stdin, options.signal === undefined ? {} : { signal: options.signal });
  if (outcome.stderr !== "") options.onStderr?.(outcome.stderr);
  if (command === "ADD") return resultOf(outcome, call.cniVersion, type);
  throwIfFailed(outcome, type);
  return emptyResult;
}

function find(call: Call, type: string, command: Verb): string {
  try {
    return findPlugin(type, call.path);
  } catch (error) {
    if (command !== "STATUS" || !(error instanceof CniError)) throw error;
    throw new CniError(ErrorCode.notAvailable, error.message, { details: error.details, cause: error });
  }
}
