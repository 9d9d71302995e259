// `twill cni add|del|check|gc|status NETWORK NETNS`: joins a namespace to a network by hand, as cnitool does.

import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { CniArgs } from "#cni/cache.ts";
import { addNetworkList, checkNetworkList, delNetworkList, gcNetworkList, statusNetworkList } from "#cni/chain.ts";
import type { NetworkList } from "#cni/conflist.ts";
import { parseJson } from "#cni/decode.ts";
import { CniError, ErrorCode, formatError, toCniError } from "#cni/error.ts";
import { isJsonObject, type JsonObject } from "#cni/json.ts";
import { defaultConfDir, loadNetworkByName } from "#cni/lookup.ts";
import type { Attachment } from "#cni/plugin.ts";
import type { AttachmentConf, Runtime } from "#cni/runtime.ts";
import { newestVersion } from "#cni/version.ts";
import type { CommandIo, OutputFormat } from "./command.ts";

type SharedFlags = { readonly output: OutputFormat; readonly "cache-dir": string };
type AttachmentFlags = SharedFlags & { readonly ifname: string; readonly "container-id": string | undefined };

type NetworkCall<F = SharedFlags> = { readonly args: { readonly network: string }; readonly flags: F };
type AttachmentCall<F = AttachmentFlags> = {
  readonly args: { readonly network: string; readonly netns: string };
  readonly flags: F;
};

/** Prints the result. As all of these: returns the exit code, 0, or 1 after one sentence on stderr or, asked for JSON, CNI's error object. */
export async function cniAdd(
  call: AttachmentCall<AttachmentFlags & { readonly undo: boolean }>,
  io: CommandIo,
): Promise<number> {
  return await answering(call, io, async (runtime, network) => {
    const result = await addNetworkList(runtime, network, attachmentOf(call, io), { undoFailed: call.flags.undo });
    io.stdout(`${JSON.stringify(result, undefined, 4)}\n`);
  });
}

export async function cniDel(call: AttachmentCall, io: CommandIo): Promise<number> {
  return await answering(call, io, (runtime, network) => delNetworkList(runtime, network, attachmentOf(call, io)));
}

export async function cniCheck(call: AttachmentCall, io: CommandIo): Promise<number> {
  return await answering(call, io, (runtime, network) => checkNetworkList(runtime, network, attachmentOf(call, io)));
}

/** Without anything to keep it frees all. */
export async function cniGc(
  call: NetworkCall<SharedFlags & { readonly keep: readonly Attachment[] }>,
  io: CommandIo,
): Promise<number> {
  const { keep } = call.flags;
  // A plugin that gets an empty list would free the attachments of other runtimes as well.
  return await answering(call, io, (runtime, network) =>
    gcNetworkList(runtime, network, keep.length === 0 ? undefined : keep),
  );
}

export async function cniStatus(call: NetworkCall, io: CommandIo): Promise<number> {
  return await answering(call, io, statusNetworkList);
}

async function answering(
  { args, flags }: NetworkCall,
  { env, stdout, stderr }: CommandIo,
  work: (runtime: Runtime, network: NetworkList) => Promise<unknown>,
): Promise<number> {
  try {
    const network = await loadNetworkByName(env.get("NETCONFPATH") || defaultConfDir, args.network);
    const path = (env.get("CNI_PATH") ?? "").split(":").filter((folder) => folder !== "");
    await work({ path, cacheDir: flags["cache-dir"], env, onStderr: stderr }, network);
    return 0;
  } catch (error) {
    if (flags.output === "json") stdout(formatError(error, newestVersion));
    else {
      const { message, details } = toCniError(error);
      stderr(`${details === "" ? message : `${message}; ${details}`}\n`);
    }
    return 1;
  }
}

function attachmentOf({ args, flags }: AttachmentCall, { env }: CommandIo): AttachmentConf {
  const netns = resolve(args.netns);
  return {
    containerId: flags["container-id"] ?? containerIdFor(netns),
    netns,
    ifname: flags.ifname,
    args: parseCniArgs(env.get("CNI_ARGS") ?? ""),
    capabilityArgs: parseCapabilityArgs(env.get("CAP_ARGS") ?? ""),
  };
}

const hashBytes = 10;

/** cnitool's own name for a namespace, so that either command finds what the other made. */
function containerIdFor(netns: string): string {
  return `cnitool-${createHash("sha512").update(netns).digest().subarray(0, hashBytes).toString("hex")}`;
}

function parseCniArgs(text: string): CniArgs {
  if (text === "") return [];
  return text.split(";").map((pair) => {
    const [key = "", value = "", ...more] = pair.split("=");
    if (key !== "" && value !== "" && more.length === 0) return [key, value];
    throw new CniError(
      ErrorCode.invalidEnvironment,
      `CNI_ARGS must be KEY=VALUE pairs separated by semicolons, found ${JSON.stringify(pair)}`,
    );
  });
}

function parseCapabilityArgs(text: string): JsonObject {
  if (text === "") return {};
  const json = parseJson(text, "CAP_ARGS");
  if (isJsonObject(json)) return json;
  throw new CniError(
    ErrorCode.invalidEnvironment,
    `CAP_ARGS must be a JSON object like {"portMappings": []}, found ${text}`,
  );
}
