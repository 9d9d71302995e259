// What the delegate was told at ADD, in the reference's files `<dataDir>/<containerID>`: flanneld may have another lease at DEL.

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { member } from "#cni/decode.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import { isJsonObject, type JsonObject } from "#cni/json.ts";
import { errnoName, errnoOf, isErrno } from "#kernel/errno.ts";

/** Replaces the file at once. @throws CniError 5 */
export function writeScratch(dataDir: string, containerId: string, conf: JsonObject): void {
  // Container IDs start with a letter or a digit: no ID can be meant by this name.
  const draft = `${dataDir}/.${containerId}`;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    writeFileSync(draft, JSON.stringify(conf), { mode: 0o600 });
    renameSync(draft, `${dataDir}/${containerId}`);
  } catch (cause) {
    const advice = "set dataDir to a folder that can be written";
    throw ioFailure(`write ${dataDir}/${containerId}`, cause, advice);
  }
}

/** Undefined when there is none for this network, or it makes no sense. One container may be in several. */
export function readScratch(dataDir: string, containerId: string, network: string): JsonObject | undefined {
  const conf = read(dataDir, containerId);
  return conf !== undefined && member(conf, "name") === network ? conf : undefined;
}

/** Leaves another network's file alone; one that makes no sense goes. @throws CniError 5 */
export function removeScratch(dataDir: string, containerId: string, network: string): void {
  const conf = read(dataDir, containerId);
  if (conf === undefined || (member(conf, "name") ?? network) !== network) return;
  try {
    rmSync(`${dataDir}/${containerId}`, { force: true });
  } catch (cause) {
    throw ioFailure(`remove ${dataDir}/${containerId}`, cause, "remove it by hand");
  }
}

/** The containers that the network has a file of. */
export function listScratch(dataDir: string, network: string): readonly string[] {
  let names: string[];
  try {
    names = readdirSync(dataDir);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return [];
    throw ioFailure(`list ${dataDir}`, error, "set dataDir to a folder that can be read");
  }
  return names.filter((name) => !name.startsWith(".") && readScratch(dataDir, name, network) !== undefined);
}

/** Undefined when there is no file, the empty object when it makes no sense. @throws CniError 5 */
function read(dataDir: string, containerId: string): JsonObject | undefined {
  let text: string;
  try {
    text = readFileSync(`${dataDir}/${containerId}`, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "EISDIR")) return undefined;
    throw ioFailure(`read ${dataDir}/${containerId}`, error, "DEL would not know what to take down");
  }
  try {
    const conf: unknown = JSON.parse(text);
    return isJsonObject(conf) ? conf : {};
  } catch {
    return {};
  }
}

function ioFailure(action: string, cause: unknown, advice: string): CniError {
  const reason = errnoName(errnoOf(cause));
  return new CniError(ErrorCode.ioFailure, `flannel: Cannot ${action}: ${reason}: ${advice}`, { cause });
}
