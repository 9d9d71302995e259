// `twill cni add|del|check|gc|status NETWORK NETNS`: joins a namespace to a network by hand, as cnitool does.

import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { type CniArgs, defaultCacheDir } from "#cni/cache.ts";
import { addNetworkList, checkNetworkList, delNetworkList, gcNetworkList, statusNetworkList } from "#cni/chain.ts";
import type { NetworkList } from "#cni/conflist.ts";
import { parseJson } from "#cni/decode.ts";
import { CniError, ErrorCode, toCniError } from "#cni/error.ts";
import { isJsonObject, type JsonObject } from "#cni/json.ts";
import { defaultConfDir, loadNetworkByName } from "#cni/lookup.ts";
import type { Attachment } from "#cni/plugin.ts";
import type { AttachmentConf, Runtime } from "#cni/runtime.ts";

/** Where a command's text goes. */
export type CommandIo = { readonly stdout: (text: string) => void; readonly stderr: (text: string) => void };

export const cniHelp = `Usage: twill cni add|del|check NETWORK NETNS [options]
       twill cni gc|status NETWORK [options]

Attaches the network namespace at path NETNS to the network that a configuration file names NETWORK.

  add      runs the network's plugins and prints the result as JSON
  del      takes back what add made; may be repeated
  check    fails unless everything is as add left it
  gc       frees what is left of attachments not named by --keep: of all, if there is none
  status   fails unless the plugins could serve an add now

Options:
  -i, --ifname NAME         interface in the namespace (CNI_IFNAME, eth0)
      --container-id ID     instead of cnitool- and a hash of the namespace's path
      --keep ID:IFNAME      gc: a container's interface that is still in use; may be repeated
      --undo                add: when a plugin fails, take back what the others made
      --cache-dir DIR       where results are remembered (${defaultCacheDir})
  -h, --help                this text

Environment:
  CNI_PATH      folders with plugins, separated by colons
  NETCONFPATH   folder with network configurations (${defaultConfDir})
  CNI_ARGS      KEY=VALUE;KEY=VALUE for the plugins
  CAP_ARGS      JSON object of capability arguments: {"portMappings": [...]}
  CNI_IFNAME    see --ifname
`;

/** Runs the command; `args` follow `twill cni`. Returns the exit code: 0, or 1 with one sentence on stderr. */
export async function runCniCommand(
  args: readonly string[],
  env: ReadonlyMap<string, string>,
  io: CommandIo,
): Promise<number> {
  try {
    const command = parseCommand(args);
    if (command === "help") io.stdout(cniHelp);
    else await run(command, env, io);
    return 0;
  } catch (error) {
    const { message, details } = toCniError(error);
    io.stderr(`${details === "" ? message : `${message}; ${details}`}\n`);
    return 1;
  }
}

const verbs = ["add", "del", "check", "gc", "status"] as const;

type Command = {
  readonly verb: (typeof verbs)[number];
  readonly network: string;
  /** Undefined for gc and status, where it is not looked at. */
  readonly netns: string | undefined;
  readonly ifname: string | undefined;
  readonly containerId: string | undefined;
  readonly keep: readonly Attachment[] | undefined;
  readonly undo: boolean;
  readonly cacheDir: string;
};

function parseCommand(args: readonly string[]): Command | "help" {
  const { values, positionals } = splitArgs(args);
  if (values.help) return "help";
  const [word, network, netns, ...more] = positionals;
  const verb = verbs.find((each) => each === word);
  if (verb === undefined) throw misused(word === undefined ? "no command given" : `unknown command "${word}"`);
  if (network === undefined || network === "") throw misused(`${verb} needs the name of a network`);
  const isAttachmentVerb = verb === "add" || verb === "del" || verb === "check";
  if (isAttachmentVerb && (netns === undefined || netns === "")) {
    throw misused(`${verb} needs the path of a network namespace`);
  }
  if (more.length > 0) throw misused(`unexpected argument "${more[0]}"`);
  return {
    verb,
    network,
    netns: isAttachmentVerb ? netns : undefined,
    ifname: values.ifname,
    containerId: values["container-id"],
    keep: values.keep?.map(parseKeep),
    undo: values.undo ?? false,
    cacheDir: values["cache-dir"] ?? defaultCacheDir,
  };
}

function splitArgs(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        ifname: { type: "string", short: "i" },
        "container-id": { type: "string" },
        keep: { type: "string", multiple: true },
        undo: { type: "boolean" },
        "cache-dir": { type: "string" },
      },
    });
  } catch (error) {
    throw misused(error instanceof Error ? error.message : String(error));
  }
}

async function run(command: Command, env: ReadonlyMap<string, string>, io: CommandIo): Promise<void> {
  const network = await loadNetworkByName(env.get("NETCONFPATH") || defaultConfDir, command.network);
  const runtime: Runtime = {
    path: (env.get("CNI_PATH") ?? "").split(":").filter((folder) => folder !== ""),
    cacheDir: command.cacheDir,
    env,
    onStderr: io.stderr,
  };
  if (command.verb === "gc") await gcNetworkList(runtime, network, command.keep);
  else if (command.verb === "status") await statusNetworkList(runtime, network);
  else await runOnAttachment(command, runtime, network, attachmentOf(command, env), io);
}

async function runOnAttachment(
  { verb, undo }: Command,
  runtime: Runtime,
  network: NetworkList,
  attachment: AttachmentConf,
  io: CommandIo,
): Promise<void> {
  if (verb === "del") await delNetworkList(runtime, network, attachment);
  else if (verb === "check") await checkNetworkList(runtime, network, attachment);
  else {
    const result = await addNetworkList(runtime, network, attachment, { undoFailed: undo });
    io.stdout(`${JSON.stringify(result, undefined, 4)}\n`);
  }
}

function attachmentOf(command: Command, env: ReadonlyMap<string, string>): AttachmentConf {
  const netns = resolve(command.netns ?? "");
  return {
    containerId: command.containerId ?? containerIdFor(netns),
    netns,
    ifname: command.ifname ?? (env.get("CNI_IFNAME") || "eth0"),
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

function parseKeep(text: string): Attachment {
  const colon = text.indexOf(":");
  if (colon > 0 && colon < text.length - 1) {
    return { containerID: text.slice(0, colon), ifname: text.slice(colon + 1) };
  }
  throw misused(`--keep takes CONTAINERID:IFNAME, found "${text}"`);
}

function misused(what: string): CniError {
  return new CniError(ErrorCode.invalidEnvironment, `twill cni: ${what} (see twill cni --help)`);
}
