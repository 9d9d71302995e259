// The runtime's memory of each attachment, in libcni's own files: its configuration, and the result for DEL and CHECK.

import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "#base/error-message.ts";
import { isErrno } from "#kernel/errno.ts";
import { decodeResult, encodeResult } from "./convert.ts";
import {
  decode,
  type Infer,
  list,
  member,
  object,
  optional,
  parseJson,
  rawObject,
  string,
  withDefault,
} from "./decode.ts";
import { checkContainerId, checkIfname, checkNetworkName } from "./environment.ts";
import { CniError, ErrorCode } from "./error.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import { impliedVersion, type SpecVersion } from "./version.ts";

/** libcni's folder, which container runtimes use; files lie in `results` below it. */
export const defaultCacheDir = "/var/lib/cni";

/** Names one attachment: one interface of one container in one network. */
export type CacheKey = { readonly network: string; readonly containerId: string; readonly ifname: string };

/** Pairs of CNI_ARGS. */
export type CniArgs = readonly (readonly [string, string])[];

export type CacheEntry = CacheKey & {
  /** The network list's JSON. */
  readonly config: string;
  readonly netns: string;
  readonly cniArgs: CniArgs;
  readonly capabilityArgs: JsonObject;
  /** Of the last plugin, with its `cniVersion`; undefined when the file holds none. */
  readonly result: JsonObject | undefined;
};

/**
 * Network, container and interface are joined by hyphens, as libcni does, although each may hold some itself.
 * @throws CniError when one of the three is malformed: they become part of a path.
 */
export function cacheFile(cacheDir: string, { network, containerId, ifname }: CacheKey): string {
  checkNetworkName(network);
  checkContainerId(containerId);
  checkIfname(ifname);
  return join(resultsDir(cacheDir), `${network}-${containerId}-${ifname}`);
}

let writes = 0;

/**
 * Writes or replaces the attachment's file at once: no reader sees half of it.
 * @throws CniError 5 when the folder or the file cannot be written.
 */
export async function saveEntry(cacheDir: string, entry: CacheEntry): Promise<void> {
  const file = cacheFile(cacheDir, entry);
  const dir = resultsDir(cacheDir);
  const temporary = join(dir, `${temporaryPrefix}${process.pid}-${writes++}`);
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await using handle = await open(temporary, "w", 0o600);
    await handle.writeFile(formatEntry(entry));
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    const reason = messageOf(cause);
    throw new CniError(ErrorCode.ioFailure, `Cannot write the cached result ${file}: ${reason}`, { cause });
  }
}

/** The JSON of an entry, fields in libcni's order; empty ones left out. */
export function formatEntry(entry: CacheEntry): string {
  return JSON.stringify({
    kind,
    containerId: entry.containerId,
    config: Buffer.from(entry.config).toString("base64"),
    ifName: entry.ifname,
    networkName: entry.network,
    ...(entry.netns === "" ? {} : { netns: entry.netns }),
    ...(entry.cniArgs.length === 0 ? {} : { cniArgs: entry.cniArgs }),
    ...(Object.keys(entry.capabilityArgs).length === 0 ? {} : { capabilityArgs: entry.capabilityArgs }),
    ...(entry.result === undefined ? {} : { result: entry.result }),
  });
}

/**
 * The cached final result in `version`; undefined when there is none. The files of an old libcni, a result and nothing
 * else, are read too. A file that names another attachment (hyphens can make two names one) counts as none.
 * @throws CniError 5, 6, 7, 1 or 2 when the file cannot be read, holds no result, or one that `version` cannot express.
 */
export async function readCachedResult(
  cacheDir: string,
  key: CacheKey,
  version: SpecVersion,
): Promise<JsonObject | undefined> {
  const file = cacheFile(cacheDir, key);
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  const json = parseJson(text, file);
  if (!isEntry(json)) return inVersion(json, version, file);
  const entry = parseEntry(json, file);
  return isSame(entry, key) ? inVersion(entry.result ?? null, version, file) : undefined;
}

/**
 * The cached configuration and arguments; undefined when there are none.
 * @throws CniError 5, 6 or 7 when the file cannot be read or is malformed.
 */
export async function readEntry(cacheDir: string, key: CacheKey): Promise<CacheEntry | undefined> {
  const file = cacheFile(cacheDir, key);
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  const json = parseJson(text, file);
  const entry = isEntry(json) ? parseEntry(json, file) : undefined;
  return entry !== undefined && isSame(entry, key) ? entry : undefined;
}

/** Removes the attachment's file, also when it is malformed, but not another attachment's of the same file name. */
export async function removeEntry(cacheDir: string, key: CacheKey): Promise<void> {
  if (await isAnothers(cacheDir, key)) return;
  const file = cacheFile(cacheDir, key);
  try {
    await rm(file, { force: true });
  } catch (cause) {
    const reason = messageOf(cause);
    throw new CniError(ErrorCode.ioFailure, `Cannot remove the cached result ${file}: ${reason}`, { cause });
  }
}

/** All cached attachments in lexical order of their files; malformed and old files are passed over, as libcni does. */
export async function listEntries(cacheDir: string): Promise<readonly CacheEntry[]> {
  const dir = resultsDir(cacheDir);
  const names = await namesIn(dir);
  const entries = await Promise.all(names.map((name) => entryOrNothing(join(dir, name))));
  return entries
    .filter((entry) => entry !== undefined)
    .filter(({ network, ifname }) => network !== "" && ifname !== "");
}

const kind = "cniCacheV1";

/** Hidden, so that nobody takes an unfinished file for an attachment. */
const temporaryPrefix = ".twill-";

const pair = (value: Json | undefined): readonly [string, string] => {
  const [key, text] = list(string)(value);
  return [key ?? "", text ?? ""];
};

const entryFields = object({
  containerId: withDefault(string, ""),
  config: withDefault(string, ""),
  ifName: withDefault(string, ""),
  networkName: withDefault(string, ""),
  netns: withDefault(string, ""),
  cniArgs: withDefault(list(pair), []),
  capabilityArgs: withDefault(rawObject, {}),
  result: optional(rawObject),
});

function isEntry(json: Json): json is JsonObject {
  return isJsonObject(json) && member(json, "kind") === kind;
}

function parseEntry(json: JsonObject, file: string): CacheEntry {
  const fields: Infer<typeof entryFields> = decode(entryFields, json, file);
  return {
    network: fields.networkName,
    containerId: fields.containerId,
    ifname: fields.ifName,
    config: Buffer.from(fields.config, "base64").toString(),
    netns: fields.netns,
    cniArgs: fields.cniArgs,
    capabilityArgs: fields.capabilityArgs,
    result: fields.result,
  };
}

function isSame(a: CacheKey, b: CacheKey): boolean {
  return a.network === b.network && a.containerId === b.containerId && a.ifname === b.ifname;
}

/** Plugins expect prevResult in the configuration's version, which may have changed since the ADD. */
function inVersion(json: Json, version: SpecVersion, file: string): JsonObject {
  if (json !== null && !isJsonObject(json)) {
    throw new CniError(ErrorCode.decodingFailure, `${file} holds no result: it must be a JSON object`);
  }
  const subject = `the cached result ${file}`;
  const result = decodeResult(json, json === null ? version : impliedVersion, subject);
  return json !== null && member(json, "cniVersion") === version ? json : encodeResult(result, version);
}

async function isAnothers(cacheDir: string, key: CacheKey): Promise<boolean> {
  const entry = await entryOrNothing(cacheFile(cacheDir, key));
  return entry !== undefined && !isSame(entry, key);
}

async function entryOrNothing(file: string): Promise<CacheEntry | undefined> {
  try {
    const json = parseJson((await readIfThere(file)) ?? "", file);
    return isEntry(json) ? parseEntry(json, file) : undefined;
  } catch (error) {
    if (error instanceof CniError) return undefined;
    throw error;
  }
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && !entry.name.startsWith(temporaryPrefix))
      .map(({ name }) => name)
      .sort();
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return [];
    const reason = messageOf(cause);
    throw new CniError(ErrorCode.ioFailure, `Cannot list the cached results in ${dir}: ${reason}`, { cause });
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return undefined;
    const reason = messageOf(cause);
    throw new CniError(ErrorCode.ioFailure, `Cannot read the cached result ${file}: ${reason}`, { cause });
  }
}

function resultsDir(cacheDir: string): string {
  return join(cacheDir, "results");
}
