// What a CNI plugin is to Twill: five functions over a parsed call, and the raw invocation a call is parsed from.

import { CniError, ErrorCode } from "./error.ts";
import type { JsonObject } from "./json.ts";
import type { Result } from "./result.ts";
import type { SpecVersion } from "./version.ts";

/** One execution of a plugin as the runtime made it, before anything is checked. */
export type Invocation = {
  /** The name the executable was called by: `bridge`. */
  readonly plugin: string;
  readonly env: ReadonlyMap<string, string>;
  readonly stdin: Uint8Array;
};

/** What the execution leaves behind. */
export type Outcome = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

export type Verb = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS";

/** A container's interface, as GC lists those that are still alive. */
export type Attachment = { readonly containerID: string; readonly ifname: string };

/** A checked call. What a verb does not carry is the empty string. */
export type Call = {
  readonly command: Verb;
  readonly containerId: string;
  /** Path of the namespace; may be empty on DEL. */
  readonly netns: string;
  readonly ifname: string;
  /** CNI_ARGS as it came; read it with `parseArgs`. */
  readonly cniArgs: string;
  /** CNI_PATH, split. */
  readonly path: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  /** The configuration's text, which delegates get unchanged. */
  readonly stdin: string;
  readonly config: JsonObject;
  /** The configuration's `name`. */
  readonly network: string;
  /** The configuration's `type`. */
  readonly type: string;
  readonly cniVersion: SpecVersion;
  readonly prevResult: Result | undefined;
  /** GC only; undefined when the runtime sent no list, which is not an empty list. */
  readonly validAttachments: readonly Attachment[] | undefined;
};

/**
 * A CNI plugin. `Host` is what the plugin acts upon: sockets, clocks, files.
 * DEL and GC must succeed however often they are called and whatever is gone already.
 */
export type Plugin<Host> = {
  readonly name: string;
  /** One sentence, printed when the executable is run by hand. */
  readonly about: string;
  /** Accepted configuration versions, oldest first. */
  readonly versions: readonly SpecVersion[];
  readonly add: (call: Call, host: Host) => Promise<Result> | Result;
  readonly del: (call: Call, host: Host) => Promise<void> | void;
  readonly check: (call: Call, host: Host) => Promise<void> | void;
  readonly gc: (call: Call, host: Host) => Promise<void> | void;
  readonly status: (call: Call, host: Host) => Promise<void> | void;
};

/** The previous plugin's result. @throws CniError 7 when the plugin runs first in its chain and must not. */
export function requirePrevResult(call: Call): Result {
  if (call.prevResult !== undefined) return call.prevResult;
  throw new CniError(
    ErrorCode.invalidConfig,
    `${call.type} must be called as chained plugin: add it after the plugin that makes the interface`,
  );
}
