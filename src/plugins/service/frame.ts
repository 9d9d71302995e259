// The two frames between the shim and a service: the call that comes in, and what the shim prints or does.
// docs/shim-protocol.md draws them and gives the reasons; shim/frame.h is the other side.

import type { Invocation, Outcome } from "#cni/plugin.ts";
import { type Codec, type Infer, Reader, Writer } from "#codec/codec.ts";
import { u32, u64 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import type { Namespaces } from "./identity.ts";

export const protocolVersion = 1;

/** The most bytes of each part, as shim/frame.h has them; the environment is bounded by the kernel (execve(2)). */
export const FrameLimit = {
  name: 255,
  environ: 6 * 1024 * 1024,
  stdin: 16 * 1024 * 1024,
  /** Standard output and standard error together. */
  output: 16 * 1024 * 1024,
} as const;

/** A call, and where it was made. */
export type Request = { readonly caller: Namespaces; readonly invocation: Invocation };

/** Print this and exit, or become the stand-alone plugin. */
export type Answer = { readonly action: "answer"; readonly outcome: Outcome } | { readonly action: "exec" };

/** Magic number and version: what every version of either frame begins with. */
export const prefixBytes = 8;
export const requestHeadBytes = 48;
const answerHeadBytes = 24;

const requestMagic = 0x51525754; // "TWRQ"
const answerMagic = 0x4e415754; // "TWAN"
const actions = { answer: 0, exec: 1 } as const;

const requestHead = struct({
  magic: u32,
  version: u32,
  net: u64,
  mount: u64,
  root: u64,
  nameBytes: u32,
  environBytes: u32,
  stdinBytes: u32,
  reserved: u32,
});
const answerHead = struct({ magic: u32, version: u32, action: u32, exitCode: u32, stdoutBytes: u32, stderrBytes: u32 });

const utf8 = new TextEncoder();
const utf8Decoder = new TextDecoder();

/** The version of a request whose first `prefixBytes` bytes these are. @throws DecodeError when it is no request. */
export function requestVersion(bytes: Uint8Array): number {
  const reader = new Reader(bytes, 0, prefixBytes, "request");
  checkMagic(reader, u32.decode(reader), requestMagic);
  return u32.decode(reader);
}

/**
 * How long the request is whose first `requestHeadBytes` bytes these are.
 * @throws DecodeError naming the part that is longer than its limit.
 */
export function requestSize(bytes: Uint8Array): number {
  const head = readRequestHead(bytes);
  return requestHeadBytes + head.nameBytes + head.environBytes + head.stdinBytes;
}

/** @throws DecodeError naming the field, also when bytes are left over. The standard input is a view into `bytes`. */
export function decodeRequest(bytes: Uint8Array): Request {
  const head = readRequestHead(bytes);
  const reader = new Reader(bytes, requestHeadBytes, bytes.length, "request");
  const name = reader.sub(head.nameBytes, "name");
  const environ = reader.sub(head.environBytes, "environ");
  const stdinStart = reader.take(head.stdinBytes);
  if (reader.left > 0) reader.fail(`${reader.left} bytes left over`);
  if (environ.left > 0 && bytes[environ.end - 1] !== 0) environ.fail("the last variable does not end with a NUL");
  return {
    caller: { net: head.net, mount: head.mount, root: head.root },
    invocation: {
      plugin: utf8Decoder.decode(bytes.subarray(name.offset, name.end)),
      env: readEnviron(utf8Decoder.decode(bytes.subarray(environ.offset, environ.end))),
      // Not `subarray`: of a Buffer, as Bun delivers, that is a Buffer again, whose `slice` does not copy.
      stdin: new Uint8Array(bytes.buffer, bytes.byteOffset + stdinStart, head.stdinBytes),
    },
  };
}

/** @throws RangeError when a part is longer than its limit. */
export function encodeRequest({ caller, invocation }: Request): Uint8Array {
  const name = utf8.encode(invocation.plugin);
  const environ = utf8.encode([...invocation.env].map(([key, value]) => `${key}=${value}\0`).join(""));
  const { stdin } = invocation;
  checkLimit("name", name.length, FrameLimit.name);
  checkLimit("environment", environ.length, FrameLimit.environ);
  checkLimit("standard input", stdin.length, FrameLimit.stdin);
  const head = {
    ...caller,
    magic: requestMagic,
    version: protocolVersion,
    nameBytes: name.length,
    environBytes: environ.length,
    stdinBytes: stdin.length,
    reserved: 0,
  };
  return join(requestHead, head, [name, environ, stdin]);
}

/** @throws RangeError when the output is longer than its limit or the exit code is not one. */
export function encodeAnswer(answer: Answer): Uint8Array {
  const outcome = answer.action === "answer" ? answer.outcome : { exitCode: 0, stdout: "", stderr: "" };
  const stdout = utf8.encode(outcome.stdout);
  const stderr = utf8.encode(outcome.stderr);
  checkLimit("output", stdout.length + stderr.length, FrameLimit.output);
  if (!Number.isInteger(outcome.exitCode) || outcome.exitCode < 0 || outcome.exitCode > 255) {
    throw new RangeError(`Cannot send: ${outcome.exitCode} is not an exit code`);
  }
  const head = {
    magic: answerMagic,
    version: protocolVersion,
    action: actions[answer.action],
    exitCode: outcome.exitCode,
    stdoutBytes: stdout.length,
    stderrBytes: stderr.length,
  };
  return join(answerHead, head, [stdout, stderr]);
}

/** The shim's reading of an answer. @throws DecodeError naming the field. */
export function decodeAnswer(bytes: Uint8Array): Answer {
  const reader = new Reader(bytes, 0, bytes.length, "answer");
  const head = answerHead.decode(reader.sub(answerHeadBytes, ""));
  checkMagic(reader, head.magic, answerMagic);
  if (head.version !== protocolVersion) reader.fail(`version ${head.version} is not ${protocolVersion}`);
  const stdout = utf8Decoder.decode(reader.copy(head.stdoutBytes));
  const stderr = utf8Decoder.decode(reader.copy(head.stderrBytes));
  if (reader.left > 0) reader.fail(`${reader.left} bytes left over`);
  if (head.action === actions.exec) return { action: "exec" };
  if (head.action !== actions.answer) reader.fail(`action ${head.action} is neither answer (0) nor exec (1)`);
  return { action: "answer", outcome: { exitCode: head.exitCode, stdout, stderr } };
}

function readRequestHead(bytes: Uint8Array): Infer<typeof requestHead> {
  const reader = new Reader(bytes, 0, bytes.length, "request");
  const head = requestHead.decode(reader.sub(requestHeadBytes, "head"));
  checkMagic(reader, head.magic, requestMagic);
  if (head.version !== protocolVersion) reader.fail(`version ${head.version} is not ${protocolVersion}`);
  if (head.reserved !== 0) reader.fail(`the reserved field holds ${head.reserved} instead of 0`);
  if (head.nameBytes > FrameLimit.name) reader.fail(overLimit("name", head.nameBytes, FrameLimit.name));
  if (head.environBytes > FrameLimit.environ) {
    reader.fail(overLimit("environment", head.environBytes, FrameLimit.environ));
  }
  if (head.stdinBytes > FrameLimit.stdin) reader.fail(overLimit("standard input", head.stdinBytes, FrameLimit.stdin));
  return head;
}

// As getenv(3) reads it: the first of two variables with one name counts, and what has no "=" is not a variable.
function readEnviron(block: string): ReadonlyMap<string, string> {
  const env = new Map<string, string>();
  for (const variable of block.split("\0")) {
    const equals = variable.indexOf("=");
    if (equals <= 0) continue;
    const key = variable.slice(0, equals);
    if (!env.has(key)) env.set(key, variable.slice(equals + 1));
  }
  return env;
}

function checkMagic(reader: Reader, found: number, wanted: number): void {
  if (found !== wanted) reader.fail(`magic number 0x${found.toString(16)} is not 0x${wanted.toString(16)}`);
}

function checkLimit(part: string, size: number, limit: number): void {
  if (size > limit) throw new RangeError(`Cannot send: ${overLimit(part, size, limit)}`);
}

function overLimit(part: string, size: number, limit: number): string {
  return `the ${part} of ${size} bytes is over the limit of ${limit}`;
}

function join<T>(codec: Codec<T>, head: T, parts: readonly Uint8Array[]): Uint8Array {
  const writer = new Writer();
  codec.encode(writer, head);
  for (const part of parts) writer.append(part);
  return writer.finish();
}
