// Executing a foreign plugin, and reading what its execution left behind.

import { messageOf } from "#base/error-message.ts";
import { decodeResult } from "./convert.ts";
import { decode, int, object, parseJson, string, withDefault } from "./decode.ts";
import { CniError, ErrorCode } from "./error.ts";
import type { Outcome } from "./plugin.ts";
import type { Result } from "./result.ts";
import type { SpecVersion } from "./version.ts";

export type ExecOptions = {
  /** Kills the plugin when it fires. Without it a plugin may take as long as it likes, as with the reference. */
  readonly signal?: AbortSignal;
  /** Waits between tries while the executable is being written. */
  readonly sleep?: (ms: number) => Promise<void>;
};

/** A plugin that is just being installed cannot be executed ("text file busy"). The reference has the same patience. */
const busyTries = 6;
const busyPauseMs = 1000;

/** A plugin's answer is a few kilobytes; one that prints without end must not take our memory along. */
const maxOutputBytes = 8 * 1024 * 1024;

/**
 * Runs `file` with exactly this environment and input, and waits for its end.
 * @throws CniError 5 when it cannot be started or prints too much.
 */
export async function execPlugin(
  file: string,
  env: ReadonlyMap<string, string>,
  stdin: string | Uint8Array,
  options: ExecOptions = {},
): Promise<Outcome> {
  const child = await spawn(file, env, typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin, options);
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const exitCode = await child.exited;
  if (Buffer.byteLength(stdout) >= maxOutputBytes || Buffer.byteLength(stderr) >= maxOutputBytes) {
    throw new CniError(ErrorCode.ioFailure, `${file} printed more than ${maxOutputBytes} bytes and was stopped`);
  }
  // A signal has no exit code of its own; whatever ended the plugin early is a failure.
  return { exitCode: child.signalCode === null ? exitCode : exitCode || 1, stdout, stderr };
}

/**
 * The result in an ADD's output. `version` is the configuration's, which a result without `cniVersion` has.
 * @throws CniError the plugin's own error, or 6 when its output cannot be read.
 */
export function resultOf(outcome: Outcome, version: SpecVersion, type: string): Result {
  throwIfFailed(outcome, type);
  return decodeResult(
    parseJson(outcome.stdout, `the result of ${type}`),
    version,
    `the result of ${type}`,
    ErrorCode.decodingFailure,
  );
}

const printedError = object({
  code: withDefault(int(), 0),
  msg: withDefault(string, ""),
  details: withDefault(string, ""),
});

/**
 * Does nothing for exit code 0.
 * @throws CniError the error the plugin printed, with its code, message and details; 999 around its stderr if it printed none.
 */
export function throwIfFailed(outcome: Outcome, type: string): void {
  const { exitCode, stdout, stderr } = outcome;
  if (exitCode === 0) return;
  const status = `exit status ${exitCode}`;
  if (stdout.trim() === "") {
    const message =
      stderr.trim() === ""
        ? `netplugin failed with no error message: ${status}`
        : `netplugin failed: ${JSON.stringify(stderr)}: ${status}`;
    throw new CniError(ErrorCode.internal, message, { details: `the plugin is ${type}` });
  }
  let printed: { readonly code: number; readonly msg: string; readonly details: string };
  try {
    printed = decode(printedError, parseJson(stdout, type), type);
  } catch (cause) {
    const shown = JSON.stringify(stdout.slice(0, maxShownLength));
    const message = `netplugin failed but error parsing its diagnostic message ${shown}: ${status}`;
    throw new CniError(ErrorCode.internal, message, { details: `the plugin is ${type}`, cause });
  }
  const { code, msg, details } = printed;
  // Code 0 would read as "no error" further up.
  throw new CniError(code === 0 ? ErrorCode.internal : code, msg || `${type} failed: ${status}`, { details });
}

const maxShownLength = 1000;

type Child = Bun.Subprocess<Uint8Array, "pipe", "pipe">;

async function spawn(
  file: string,
  env: ReadonlyMap<string, string>,
  stdin: Uint8Array,
  { signal, sleep = Bun.sleep }: ExecOptions,
): Promise<Child> {
  for (let tries = 1; ; tries++) {
    try {
      return Bun.spawn([file], {
        env: Object.fromEntries(env),
        stdin,
        stdout: "pipe",
        stderr: "pipe",
        maxBuffer: maxOutputBytes,
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (cause) {
      if (codeOf(cause) !== "ETXTBSY" || tries === busyTries) {
        throw new CniError(ErrorCode.ioFailure, `Cannot execute the plugin ${file}: ${codeOf(cause)}`, {
          details: messageOf(cause),
          cause,
        });
      }
      await sleep(busyPauseMs);
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
