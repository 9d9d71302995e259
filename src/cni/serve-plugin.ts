// One execution of a plugin from raw input to exit code: what the reference's skeleton does around its plugins.

import { messageOf } from "#base/error-message.ts";
import { decodeResult, encodeResult } from "./convert.ts";
import { parseJson } from "./decode.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import { CniError, ErrorCode, formatError, toCniError } from "./error.ts";
import { parseCall, requireVersion, versionOfInput } from "./parse-call.ts";
import type { Call, Invocation, Outcome, Plugin, Verb } from "./plugin.ts";
import { emptyResult, type Result } from "./result.ts";
import { atLeast, newestVersion, type SpecVersion } from "./version.ts";

/** What the host adds around a plugin's functions. */
export type ServeOptions = {
  /**
   * Runs before ADD, and before DEL with a namespace, unless the runtime set CNI_NETNS_OVERRIDE. Throws `sameNetns()` when
   * CNI_NETNS is the namespace the plugin itself runs in.
   */
  readonly checkNetns?: (call: Call) => Promise<void> | void;
};

/** The error for a CNI_NETNS that is the plugin's own namespace: configuring it would cut off the machine. */
export function sameNetns(netns: string): CniError {
  return new CniError(ErrorCode.invalidNetns, "plugin's netns and netns from CNI_NETNS should not be the same", {
    details: `CNI_NETNS is ${JSON.stringify(netns)}; set CNI_NETNS_OVERRIDE=1 if this is meant`,
  });
}

/**
 * Runs `plugin` on one invocation. Never throws: every failure is an outcome with exit code 1 and a CNI error on stdout.
 * A result that the configuration's version cannot express undoes the ADD.
 */
export async function runPlugin<Host>(
  plugin: Plugin<Host>,
  invocation: Invocation,
  host: Host,
  options: ServeOptions = {},
): Promise<Outcome> {
  if ((invocation.env.get("CNI_COMMAND") ?? "") === "") return about(plugin);
  let version: SpecVersion | undefined;
  const warnings: string[] = [];
  try {
    const environment = readEnvironment(invocation.env);
    if (!isCall(environment)) return success(versionAnswer(plugin));
    const parsed = parseCall(invocation, environment, plugin.versions);
    version = parsed.call.cniVersion;
    warnings.push(...parsed.warnings);
    await guard(parsed.call, environment, options);
    return success(await dispatch(plugin, parsed.call, host, warnings), warnings);
  } catch (error) {
    version ??= versionOfInput(invocation.stdin) ?? newestVersion;
    return { exitCode: 1, stdout: formatError(error, version), stderr: lines(warnings) };
  }
}

/**
 * Runs `plugin` on a call that another plugin hands on inside the process: see `OwnDelegate`. The namespace is not checked
 * again.
 * @throws CniError as the executable would have printed it.
 */
export async function runDelegated<Host>(plugin: Plugin<Host>, call: Call, host: Host): Promise<Result> {
  try {
    requireVersion(call.cniVersion, plugin.versions);
    if (call.command === "ADD" && atLeast(call.cniVersion, "0.3.0")) return await plugin.add(call, host);
    const printed = await dispatch(plugin, call, host, []);
    // Before 0.3 a result cannot say everything: what its text would lose, it loses here too.
    return call.command === "ADD" ? decodeResult(parseJson(printed, plugin.name), call.cniVersion) : emptyResult;
  } catch (error) {
    throw toCniError(error);
  }
}

async function guard(call: Call, environment: Environment, options: ServeOptions): Promise<void> {
  if (environment.netnsOverride || call.netns === "") return;
  if (call.command === "ADD" || call.command === "DEL") await options.checkNetns?.(call);
}

/** What goes to stdout. */
async function dispatch<Host>(plugin: Plugin<Host>, call: Call, host: Host, warnings: string[]): Promise<string> {
  switch (call.command) {
    case "ADD":
      return add(plugin, call, host, warnings);
    case "DEL":
      await plugin.del(call, host);
      return "";
    case "CHECK":
      await plugin.check(call, host);
      return "";
    case "GC":
      await plugin.gc(call, host);
      return "";
    case "STATUS":
      await plugin.status(call, host);
      return "";
  }
}

async function add<Host>(plugin: Plugin<Host>, call: Call, host: Host, warnings: string[]): Promise<string> {
  const result = await plugin.add(call, host);
  try {
    return `${JSON.stringify(encodeResult(result, call.cniVersion), undefined, 4)}\n`;
  } catch (error) {
    // The runtime sees a failed ADD; nothing of it may stay.
    try {
      await plugin.del({ ...call, command: "DEL", prevResult: call.prevResult ?? result }, host);
    } catch (undoing) {
      warnings.push(`${plugin.name}: cannot undo ADD: ${messageOf(undoing)}`);
    }
    throw error;
  }
}

/** The reference names the newest version its library knows here, whatever the input says. */
function versionAnswer<Host>(plugin: Plugin<Host>): string {
  return `${JSON.stringify({ cniVersion: newestVersion, supportedVersions: plugin.versions })}\n`;
}

function about<Host>(plugin: Plugin<Host>): Outcome {
  const versions = `CNI protocol versions supported: ${plugin.versions.join(", ")}`;
  return { exitCode: 0, stdout: "", stderr: lines([plugin.about, versions]) };
}

function success(stdout: string, warnings: readonly string[] = []): Outcome {
  return { exitCode: 0, stdout, stderr: lines(warnings) };
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}

function isCall(environment: Environment): environment is Environment & { readonly command: Verb } {
  return environment.command !== "VERSION";
}
