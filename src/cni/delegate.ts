// Calling another plugin on behalf of a call: IPAM for a main plugin, a main plugin for a meta plugin.

import { CniError, ErrorCode } from "./error.ts";
import { execPlugin, resultOf, throwIfFailed } from "./exec.ts";
import { findPlugin } from "./find-plugin.ts";
import type { JsonObject } from "./json.ts";
import type { Call, Invocation, Outcome, Verb } from "./plugin.ts";
import type { Result } from "./result.ts";

/** Answers an invocation without a new process, exactly as the executable would. */
export type Runner = (invocation: Invocation) => Promise<Outcome>;

export type DelegateOptions = {
  /** A runner when the executable found is one of ours; undefined executes the file. */
  readonly inProcess?: (file: string, type: string) => Runner | undefined;
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
  return resultOf(await delegate(call, type, "ADD", options), call.cniVersion, type);
}

export async function delegateDel(call: Call, type: string, options: DelegateOptions = {}): Promise<void> {
  throwIfFailed(await delegate(call, type, "DEL", options), type);
}

export async function delegateCheck(call: Call, type: string, options: DelegateOptions = {}): Promise<void> {
  throwIfFailed(await delegate(call, type, "CHECK", options), type);
}

export async function delegateGc(call: Call, type: string, options: DelegateOptions = {}): Promise<void> {
  throwIfFailed(await delegate(call, type, "GC", options), type);
}

/** @throws CniError 50 also when the delegate is not installed: ADD could not be served. */
export async function delegateStatus(call: Call, type: string, options: DelegateOptions = {}): Promise<void> {
  throwIfFailed(await delegate(call, type, "STATUS", options), type);
}

/**
 * Runs the plugin `type`, found along CNI_PATH, with the call's environment (only CNI_COMMAND replaced) and its complete
 * configuration (specification, section 4 "Plugin Delegation").
 * @throws CniError when the plugin cannot be found or started; a plugin that fails is an outcome.
 */
export async function delegate(call: Call, type: string, command: Verb, options: DelegateOptions): Promise<Outcome> {
  const file = find(call, type, command);
  const env = new Map(call.env).set("CNI_COMMAND", command);
  const stdin = options.config === undefined ? call.stdin : JSON.stringify(options.config);
  const runner = options.inProcess?.(file, type);
  const outcome =
    runner === undefined
      ? await execPlugin(file, env, stdin, options.signal === undefined ? {} : { signal: options.signal })
      : await runner({ plugin: type, env, stdin: new TextEncoder().encode(stdin) });
  if (outcome.stderr !== "") options.onStderr?.(outcome.stderr);
  return outcome;
}

function find(call: Call, type: string, command: Verb): string {
  try {
    return findPlugin(type, call.path);
  } catch (error) {
    if (command !== "STATUS" || !(error instanceof CniError)) throw error;
    throw new CniError(ErrorCode.notAvailable, error.message, { details: error.details, cause: error });
  }
}
