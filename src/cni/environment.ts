// The CNI_* variables of a call, checked as the reference's skeleton checks them.

import { CniError, ErrorCode } from "./error.ts";
import type { Verb } from "./plugin.ts";

/** The variables of one call. What a verb does not need may be empty. */
export type Environment = {
  readonly command: Verb | "VERSION";
  readonly containerId: string;
  readonly netns: string;
  readonly ifname: string;
  readonly cniArgs: string;
  readonly path: readonly string[];
  /** The runtime allows CNI_NETNS to be the plugin's own namespace. */
  readonly netnsOverride: boolean;
};

const attachment = ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"];

const required: { readonly [command: string]: readonly string[] } = {
  ADD: attachment,
  CHECK: attachment,
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"],
  GC: ["CNI_PATH"],
  STATUS: ["CNI_PATH"],
  VERSION: [],
} satisfies Record<Verb | "VERSION", readonly string[]>;

/**
 * An empty variable counts as missing. For GC and STATUS the attachment's variables are neither needed nor looked at.
 * @throws CniError 4 for an unknown command, for missing variables (all of them named) and for malformed ones.
 */
export function readEnvironment(env: ReadonlyMap<string, string>): Environment {
  const value = (name: string) => env.get(name) ?? "";
  const command = value("CNI_COMMAND");
  if (command === "") throw missing(["CNI_COMMAND"]);
  if (!isCommand(command)) {
    throw invalid(`unknown CNI_COMMAND: ${command}`, `known are ${Object.keys(required).join(", ")}`);
  }
  const absent = (required[command] ?? []).filter((name) => value(name) === "");
  if (absent.length > 0) throw missing(absent);
  if (command === "ADD" || command === "DEL" || command === "CHECK") {
    checkContainerId(value("CNI_CONTAINERID"));
    checkIfname(value("CNI_IFNAME"));
  }
  return {
    command,
    containerId: value("CNI_CONTAINERID"),
    netns: value("CNI_NETNS"),
    ifname: value("CNI_IFNAME"),
    cniArgs: value("CNI_ARGS"),
    path: value("CNI_PATH")
      .split(":")
      .filter((folder) => folder !== ""),
    netnsOverride: /^(1|true)$/i.test(value("CNI_NETNS_OVERRIDE")),
  };
}

const identifier = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const identifierRule = "use letters, digits, underscores, dots and hyphens, the first a letter or digit";

/** @throws CniError 3 when empty, 4 when malformed. */
export function checkContainerId(containerId: string): void {
  if (containerId === "") throw new CniError(ErrorCode.unknownContainer, "missing containerID");
  if (!identifier.test(containerId)) {
    throw invalid("invalid characters in containerID", `${JSON.stringify(containerId)}: ${identifierRule}`);
  }
}

/** @throws CniError 7 when empty or malformed. */
export function checkNetworkName(name: string): void {
  if (name === "") throw new CniError(ErrorCode.invalidConfig, "missing network name");
  if (!identifier.test(name)) {
    const details = `${JSON.stringify(name)}: ${identifierRule}`;
    throw new CniError(ErrorCode.invalidConfig, "invalid characters found in network name", { details });
  }
}

/** IFNAMSIZ without the final zero byte. */
const maxIfnameBytes = 15;

/** The kernel's own rules (dev_valid_name). @throws CniError 4 */
export function checkIfname(ifname: string): void {
  if (ifname === "") throw invalid("interface name is empty", "");
  if (Buffer.byteLength(ifname) > maxIfnameBytes) {
    throw invalid("interface name is too long", `${JSON.stringify(ifname)} has more than ${maxIfnameBytes} bytes`);
  }
  if (ifname === "." || ifname === "..") throw invalid("interface name is . or ..", "");
  if (/[/:\s\0]/.test(ifname)) {
    throw invalid("interface name contains / or : or whitespace characters", JSON.stringify(ifname));
  }
}

function isCommand(text: string): text is Environment["command"] {
  return Object.hasOwn(required, text);
}

function missing(names: readonly string[]): CniError {
  return invalid(`required env variables [${names.join(",")}] missing`, "");
}

function invalid(message: string, details: string): CniError {
  return new CniError(ErrorCode.invalidEnvironment, message, { details });
}
