// From a raw invocation to a checked call: configuration, versions, previous result, attachments.

import { decodeResult } from "./convert.ts";
import { decode, list, member, object, optional, parseJson, string, withDefault } from "./decode.ts";
import { checkNetworkName, type Environment } from "./environment.ts";
import { CniError, ErrorCode } from "./error.ts";
import { isJsonObject, type JsonObject } from "./json.ts";
import type { Attachment, Call, Invocation, Verb } from "./plugin.ts";
import type { Result } from "./result.ts";
import { atLeast, impliedVersion, parseVersion, type SpecVersion, specVersions } from "./version.ts";

/** A call, and what was wrong with it but does not stop it. */
export type ParsedCall = { readonly call: Call; readonly warnings: readonly string[] };

/** Far above any real configuration: containerd refuses files above 2 MiB, and `prevResult` adds a few kilobytes. */
const maxConfigBytes = 8 * 1024 * 1024;

/** The first version that has the verb. */
const verbSince: { readonly [command in Verb]: SpecVersion } = {
  ADD: "0.1.0",
  DEL: "0.1.0",
  CHECK: "0.4.0",
  GC: "1.1.0",
  STATUS: "1.1.0",
};

const attachments = optional(list(object({ containerID: string, ifname: string })));
const collected = object({ "cni.dev/valid-attachments": attachments });

/**
 * Checks the configuration on standard input against the verb and the versions the plugin takes.
 * On DEL and GC a malformed `prevResult` only warns and counts as absent: cleaning up must not fail for it.
 * @throws CniError 1 (version), 6 (not JSON), 7 (a field is wrong)
 */
export function parseCall(
  invocation: Invocation,
  environment: Environment & { readonly command: Verb },
  versions: readonly SpecVersion[],
): ParsedCall {
  const { command, containerId, netns, ifname, cniArgs, path } = environment;
  const stdin = readStdin(invocation.stdin);
  const config = parseConfig(stdin);
  const { warnings, ...told } = readConfig(config, command, versions, invocation.plugin);
  return {
    call: { command, containerId, netns, ifname, cniArgs, path, env: invocation.env, stdin, config, ...told },
    warnings,
  };
}

/** `call` with another configuration, for the plugin `subject`. @throws CniError as `parseCall` */
export function withConfig(call: Call, config: JsonObject, subject: string): Call {
  const { warnings, ...told } = readConfig(config, call.command, specVersions, subject);
  return { ...call, stdin: JSON.stringify(config), config, ...told };
}

/** What every plugin's configuration says, whatever the plugin. */
type Told = Pick<Call, "network" | "type" | "cniVersion" | "prevResult" | "validAttachments">;

const named = object({ name: withDefault(string, "") });
const versioned = object({ cniVersion: withDefault(string, "") });
const typed = object({ type: withDefault(string, "") });

function readConfig(
  config: JsonObject,
  command: Verb,
  versions: readonly SpecVersion[],
  subject: string,
): Told & { readonly warnings: readonly string[] } {
  // One after the other: which of several mistakes is told first is the reference's order.
  const network = decode(named, config, subject).name;
  checkNetworkName(network);
  const cniVersion = readVersion(config, command, versions, subject);
  const { type } = decode(typed, config, subject);
  const { prevResult, warnings } = readPrevResult(config, command, cniVersion, subject);
  return {
    network,
    type: type === "" ? subject : type,
    cniVersion,
    prevResult,
    validAttachments: command === "GC" ? readAttachments(config, subject) : undefined,
    warnings,
  };
}

/** The version an answer to this input should carry, as far as the input can be read. */
export function versionOfInput(stdin: Uint8Array): SpecVersion | undefined {
  try {
    const version = member(parseConfig(readStdin(stdin)), "cniVersion") ?? "";
    return typeof version === "string" ? parseVersion(version) : undefined;
  } catch {
    return undefined;
  }
}

function readStdin(bytes: Uint8Array): string {
  if (bytes.byteLength > maxConfigBytes) {
    const size = `the network configuration has ${bytes.byteLength} bytes`;
    throw new CniError(ErrorCode.decodingFailure, `${size}, at most ${maxConfigBytes} are read`);
  }
  return new TextDecoder().decode(bytes);
}

function parseConfig(stdin: string): JsonObject {
  const config = parseJson(stdin, "the network configuration on standard input");
  // Go reads `null` as a configuration without fields, and the missing name is what it reports.
  if (config === null) return {};
  if (isJsonObject(config)) return config;
  throw new CniError(ErrorCode.decodingFailure, "the network configuration on standard input is not a JSON object");
}

function readVersion(
  config: JsonObject,
  command: Verb,
  versions: readonly SpecVersion[],
  subject: string,
): SpecVersion {
  const written = decode(versioned, config, subject).cniVersion;
  const version = parseVersion(written);
  if (version !== undefined && !atLeast(version, verbSince[command])) {
    const details = `config is ${JSON.stringify(version)}, ${command} needs ${verbSince[command]} or newer`;
    throw new CniError(ErrorCode.incompatibleVersion, `config version does not allow ${command}`, { details });
  }
  if (version === undefined) throw incompatible(written, versions);
  requireVersion(version, versions, written);
  return version;
}

/** @throws CniError 1 when the plugin does not take this version; `written` is how the configuration has it. */
export function requireVersion(
  version: SpecVersion,
  versions: readonly SpecVersion[],
  written: string = version,
): void {
  if (!versions.includes(version)) throw incompatible(written, versions);
}

function incompatible(written: string, versions: readonly SpecVersion[]): CniError {
  const supported = versions.map((each) => JSON.stringify(each)).join(" ");
  const details = `config is ${JSON.stringify(written || impliedVersion)}, plugin supports [${supported}]`;
  return new CniError(ErrorCode.incompatibleVersion, "incompatible CNI versions", { details });
}

function readPrevResult(
  config: JsonObject,
  command: Verb,
  version: SpecVersion,
  subject: string,
): { readonly prevResult: Result | undefined; readonly warnings: readonly string[] } {
  const json = member(config, "prevResult");
  if (json === undefined) {
    if (command !== "CHECK") return { prevResult: undefined, warnings: [] };
    throw new CniError(
      ErrorCode.invalidConfig,
      `${subject}: Required prevResult missing: CHECK compares with the result of ADD`,
    );
  }
  try {
    return { prevResult: decodeResult(json, version, `${subject}: prevResult`), warnings: [] };
  } catch (error) {
    if ((command !== "DEL" && command !== "GC") || !(error instanceof CniError)) throw error;
    return { prevResult: undefined, warnings: [`${error.message}; ${command} goes on without it`] };
  }
}

/** Specification 1.1.0, "GC": the attachments still in use. */
function readAttachments(config: JsonObject, subject: string): readonly Attachment[] | undefined {
  return decode(collected, config, subject)["cni.dev/valid-attachments"];
}
