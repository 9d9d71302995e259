// From a raw invocation to a checked call: configuration, versions, previous result, attachments.

import { decodeResult } from "./convert.ts";
import { type Decoder, decode, list, member, object, optional, parseJson, string, withDefault } from "./decode.ts";
import { checkNetworkName, type Environment } from "./environment.ts";
import { CniError, ErrorCode } from "./error.ts";
import { isJsonObject, type JsonObject } from "./json.ts";
import type { Attachment, Call, Invocation, Verb } from "./plugin.ts";
import type { Result } from "./result.ts";
import { atLeast, impliedVersion, parseVersion, type SpecVersion } from "./version.ts";

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

const attachments: Decoder<readonly Attachment[] | undefined> = optional(
  list(object({ containerID: string, ifname: string })),
);

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
  const { command } = environment;
  const stdin = readStdin(invocation.stdin);
  const config = parseConfig(stdin);
  const subject = invocation.plugin;
  const network = decode(object({ name: withDefault(string, "") }), config, subject).name;
  checkNetworkName(network);
  const cniVersion = checkVersion(config, command, versions, subject);
  const type = decode(object({ type: withDefault(string, "") }), config, subject).type;
  const { prevResult, warnings } = readPrevResult(config, command, cniVersion, subject);
  return {
    call: {
      command,
      containerId: environment.containerId,
      netns: environment.netns,
      ifname: environment.ifname,
      cniArgs: environment.cniArgs,
      path: environment.path,
      env: invocation.env,
      stdin,
      config,
      network,
      type: type === "" ? invocation.plugin : type,
      cniVersion,
      prevResult,
      validAttachments: command === "GC" ? readAttachments(config, subject) : undefined,
    },
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

function checkVersion(
  config: JsonObject,
  command: Verb,
  versions: readonly SpecVersion[],
  subject: string,
): SpecVersion {
  const named = decode(object({ cniVersion: withDefault(string, "") }), config, subject).cniVersion;
  const version = parseVersion(named);
  if (version !== undefined && !atLeast(version, verbSince[command])) {
    const details = `config is ${JSON.stringify(version)}, ${command} needs ${verbSince[command]} or newer`;
    throw new CniError(ErrorCode.incompatibleVersion, `config version does not allow ${command}`, { details });
  }
  if (version === undefined || !versions.includes(version)) {
    const supported = versions.map((each) => JSON.stringify(each)).join(" ");
    const details = `config is ${JSON.stringify(named || impliedVersion)}, plugin supports [${supported}]`;
    throw new CniError(ErrorCode.incompatibleVersion, "incompatible CNI versions", { details });
  }
  return version;
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
  return decode(object({ "cni.dev/valid-attachments": attachments }), config, subject)["cni.dev/valid-attachments"];
}
