// One call of one plugin of a chain: the configuration and the environment it gets, and what it answered.

import type { CniArgs } from "./cache.ts";
import type { PluginConf } from "./conflist.ts";
import { decodeResult, encodeResult } from "./convert.ts";
import { member, parseJson } from "./decode.ts";
import { CniError, ErrorCode, toCniError } from "./error.ts";
import { execPlugin, throwIfFailed } from "./exec.ts";
import { findPlugin } from "./find-plugin.ts";
import { isJsonObject, type JsonObject } from "./json.ts";
import type { Invocation, Outcome, Verb } from "./plugin.ts";
import type { SpecVersion } from "./version.ts";

/** Answers an invocation without a new process, exactly as the executable would. */
export type Runner = (invocation: Invocation) => Promise<Outcome>;

/** What a container runtime is to CNI. */
export type Runtime = {
  /** CNI_PATH: folders with plugins, the first that has one wins. */
  readonly path: readonly string[];
  /** `defaultCacheDir`, or another folder of the same layout. */
  readonly cacheDir: string;
  /** What plugins find besides the CNI_* variables: PATH at least, some execute other programs. */
  readonly env: ReadonlyMap<string, string>;
  /** A runner when the executable found is one of ours; undefined executes the file. */
  readonly inProcess?: (file: string, type: string) => Runner | undefined;
  /** Receives what a plugin printed on stderr. */
  readonly onStderr?: (text: string) => void;
  /** Kills the plugin that runs. There is no time limit otherwise, as with libcni. */
  readonly signal?: AbortSignal;
};

/** One interface of one container, as the runtime asks for it. */
export type AttachmentConf = {
  readonly containerId: string;
  /** Path of the namespace. May be empty on DEL, when it is gone. */
  readonly netns: string;
  readonly ifname: string;
  /** Becomes CNI_ARGS. */
  readonly args: CniArgs;
  /** Values by capability; each plugin gets those it declares, as `runtimeConfig`. */
  readonly capabilityArgs: JsonObject;
};

/** The configuration of one plugin in one call: as written, with these fields set. */
export type Injected = {
  readonly name: string;
  readonly cniVersion: SpecVersion;
  readonly prevResult?: JsonObject;
  readonly "cni.dev/valid-attachments"?: readonly JsonObject[];
  readonly "cni.dev/attachments"?: readonly JsonObject[];
};

/**
 * The JSON on a plugin's stdin. Keys keep their order, injected ones that were not there come last. `capabilities` stays in, as
 * plugins have come to see it with libcni, though the specification wants it out.
 */
export function pluginStdin(plugin: PluginConf, injected: Injected, capabilityArgs: JsonObject = {}): string {
  const runtimeConfig = Object.fromEntries(
    plugin.capabilities
      .filter((name) => Object.hasOwn(capabilityArgs, name))
      .map((name) => [name, capabilityArgs[name] ?? null]),
  );
  const set = { ...injected, ...(Object.keys(runtimeConfig).length === 0 ? {} : { runtimeConfig }) };
  // Plugins written in Go match keys in any case and take the last one: "Name" must not win over our "name".
  const folded = new Set(Object.keys(set).map((key) => key.toLowerCase()));
  const kept = Object.entries(plugin.config).filter(
    ([key]) => Object.hasOwn(set, key) || !folded.has(key.toLowerCase()),
  );
  try {
    return JSON.stringify({ ...Object.fromEntries(kept), ...set });
  } catch (cause) {
    throw new CniError(ErrorCode.decodingFailure, `the configuration of ${plugin.type} is nested too deeply`, {
      cause,
    });
  }
}

/** The environment of a call. GC and STATUS are about no attachment: its variables are empty then. */
function pluginEnv(runtime: Runtime, command: Verb, attachment?: AttachmentConf): ReadonlyMap<string, string> {
  return new Map([
    ...runtime.env,
    ["CNI_COMMAND", command],
    ["CNI_CONTAINERID", attachment?.containerId ?? ""],
    ["CNI_NETNS", attachment?.netns ?? ""],
    ["CNI_ARGS", (attachment?.args ?? []).map(([key, value]) => `${key}=${value}`).join(";")],
    ["CNI_IFNAME", attachment?.ifname ?? ""],
    ["CNI_PATH", runtime.path.join(":")],
  ]);
}

/**
 * Calls a plugin and waits for its end.
 * @throws CniError the plugin's own code and details; its message names the plugin and the verb.
 */
export async function callPlugin(
  runtime: Runtime,
  command: Verb,
  plugin: PluginConf,
  stdin: string,
  attachment?: AttachmentConf,
): Promise<Outcome> {
  return explained(plugin, command, async () => {
    const outcome = await run(runtime, plugin, stdin, pluginEnv(runtime, command, attachment));
    if (outcome.stderr !== "") runtime.onStderr?.(outcome.stderr);
    throwIfFailed(outcome, plugin.type);
    return outcome;
  });
}

/**
 * ADD: calls a plugin and returns its result as JSON, in `version` and with its `cniVersion`.
 * @throws CniError as `callPlugin`; 6 when the result cannot be read.
 */
export async function addThroughPlugin(
  runtime: Runtime,
  plugin: PluginConf,
  stdin: string,
  attachment: AttachmentConf,
  version: SpecVersion,
): Promise<JsonObject> {
  const { stdout } = await callPlugin(runtime, "ADD", plugin, stdin, attachment);
  return explained(plugin, "ADD", async () => resultJson(stdout, version, `the result of ${plugin.type}`));
}

/** A result in the version asked for is passed on as it is: it may say more than Twill knows. */
function resultJson(stdout: string, version: SpecVersion, subject: string): JsonObject {
  const json = parseJson(stdout, subject);
  const result = decodeResult(json, version, subject, ErrorCode.decodingFailure);
  if (!isJsonObject(json)) return { cniVersion: version };
  const own = member(json, "cniVersion") ?? "";
  if (own === version) return json;
  return own === "" ? { ...json, cniVersion: version } : encodeResult(result, version);
}

async function run(
  runtime: Runtime,
  plugin: PluginConf,
  stdin: string,
  env: ReadonlyMap<string, string>,
): Promise<Outcome> {
  const file = findPlugin(plugin.type, runtime.path);
  const runner = runtime.inProcess?.(file, plugin.type);
  if (runner !== undefined) return runner({ plugin: plugin.type, env, stdin: new TextEncoder().encode(stdin) });
  return execPlugin(file, env, stdin, runtime.signal === undefined ? {} : { signal: runtime.signal });
}

const verbWords: { readonly [V in Verb]: string } = {
  ADD: "add",
  DEL: "delete",
  CHECK: "check",
  GC: "gc",
  STATUS: "status",
};

async function explained<T>(plugin: PluginConf, command: Verb, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const { code, message, details } = toCniError(error);
    const sentence = `plugin type=${JSON.stringify(plugin.type)} failed (${verbWords[command]}): ${message}`;
    throw new CniError(code, sentence, { details, cause: error });
  }
}
