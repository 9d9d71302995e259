// Finding a network's configuration in a folder: by name as libcni does, or the default one as container runtimes do.

import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf } from "#base/error-message.ts";
import { isErrno } from "#kernel/errno.ts";
import { type NetworkList, type PluginConf, parseNetworkList, parsePluginConf, parseSingleConf } from "./conflist.ts";
import { CniError, ErrorCode, toCniError } from "./error.ts";

/** Where container runtimes look unless told otherwise. */
export const defaultConfDir = "/etc/cni/net.d";

/** As containerd's limit: a larger file is a mistake. */
const maxFileBytes = 2 * 1024 * 1024;

/** A folder's default network, and the files before it that could not be used. */
export type DefaultNetwork = {
  readonly network: NetworkList;
  readonly file: string;
  readonly skipped: readonly CniError[];
};

/**
 * The network of that name: `*.conflist` in lexical order first, then `*.conf` and `*.json`. A malformed file on the way is
 * an error, because it may be the one that was meant.
 * @throws CniError 7 when there is none, as `loadNetworkFile` when a file cannot be used.
 */
export async function loadNetworkByName(dir: string, name: string): Promise<NetworkList> {
  const files = await configFiles(dir, [".conflist", ".conf", ".json"]);
  if (files.length === 0) throw noneFound(dir);
  const isList = (file: string) => extensionOf(file) === ".conflist";
  for (const file of [...files.filter(isList), ...files.filter((file) => !isList(file))]) {
    const network = await loadNetworkFile(join(dir, file));
    if (network.name === name) return network;
  }
  throw new CniError(
    ErrorCode.invalidConfig,
    `no network configuration with name ${JSON.stringify(name)} in ${dir}: looked at ${files.join(", ")}`,
  );
}

/**
 * The first usable file of `*.conf`, `*.conflist` and `*.json`, all in one lexical order: containerd's and CRI-O's rule.
 * containerd gives up at the first unusable file, CRI-O passes over it; `skipped` lets the caller choose.
 * @throws CniError 7 when there is none.
 */
export async function loadDefaultNetwork(dir: string): Promise<DefaultNetwork> {
  const skipped: CniError[] = [];
  for (const name of await configFiles(dir, [".conflist", ".conf", ".json"])) {
    const file = join(dir, name);
    try {
      return { network: await loadNetworkFile(file), file, skipped };
    } catch (error) {
      skipped.push(toCniError(error));
    }
  }
  if (skipped.length === 0) throw noneFound(dir);
  throw new CniError(
    ErrorCode.invalidConfig,
    `no usable network configuration in ${dir}: ${skipped.map(({ message }) => message).join("; ")}`,
    { cause: skipped[0] },
  );
}

/**
 * Reads one file by its extension: `.conflist` is a list, to which its folder's plugins are added; any other is a single
 * plugin's configuration.
 * @throws CniError 5 when it cannot be read or is too large, 6 or 7 when its content is wrong.
 */
export async function loadNetworkFile(file: string): Promise<NetworkList> {
  const text = await readConfig(file);
  if (extensionOf(file) !== ".conflist") return parseSingleConf(text, file);
  const network = parseNetworkList(text, file);
  if (network.loadOnlyInlinedPlugins) return network;
  const folder = join(dirname(file), network.name);
  const plugins = [...network.plugins, ...(await loadPluginFolder(folder))];
  if (plugins.length > 0) return { ...network, plugins };
  throw new CniError(
    ErrorCode.invalidConfig,
    `${file}: no plugin configs found: neither in field "plugins" nor as *.conf in ${folder}`,
  );
}

async function loadPluginFolder(folder: string): Promise<readonly PluginConf[]> {
  const files = (await configFiles(folder, [".conf"])).map((name) => join(folder, name));
  return Promise.all(files.map(async (file) => parsePluginConf(await readConfig(file), file)));
}

/** Names in lexical order, folders left out. A folder that does not exist has none. */
async function configFiles(dir: string, extensions: readonly string[]): Promise<string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory() && extensions.includes(extensionOf(entry.name)))
      .map(({ name }) => name)
      .sort();
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return [];
    throw unreadable(dir, cause);
  }
}

async function readConfig(file: string): Promise<string> {
  const { size, isFile } = await stat(file).then(
    (found) => ({ size: found.size, isFile: found.isFile() }),
    (cause: unknown) => {
      throw unreadable(file, cause);
    },
  );
  // Reading a pipe would wait for ever.
  if (!isFile) throw new CniError(ErrorCode.ioFailure, `${file} is not a regular file: move it out of the folder`);
  if (size > maxFileBytes) {
    throw new CniError(
      ErrorCode.ioFailure,
      `${file} has ${size} bytes, a network configuration at most ${maxFileBytes}: is it the right file?`,
    );
  }
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

/** From the last dot on, a leading one included: `.conflist` alone is a list too, as in Go. */
function extensionOf(file: string): string {
  const dot = file.lastIndexOf(".");
  return dot < 0 ? "" : file.slice(dot);
}

function noneFound(dir: string): CniError {
  return new CniError(
    ErrorCode.invalidConfig,
    `no network configurations found in ${dir}: put a .conflist file there, or name another folder`,
  );
}

function unreadable(path: string, cause: unknown): CniError {
  const reason = messageOf(cause);
  return new CniError(ErrorCode.ioFailure, `Cannot read ${path}: ${reason}`, { cause });
}
