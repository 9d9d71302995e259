// Running the plugins of a network: ADD forwards, DEL backwards, CHECK, GC and STATUS, with libcni's order, memory and stops.

import { type CacheEntry, type CacheKey, listEntries, readCachedResult, removeEntry, saveEntry } from "./cache.ts";
import type { NetworkList, PluginConf } from "./conflist.ts";
import { checkContainerId, checkIfname } from "./environment.ts";
import { CniError, ErrorCode, toCniError } from "./error.ts";
import type { JsonObject } from "./json.ts";
import type { Attachment } from "./plugin.ts";
import {
  type AttachmentConf,
  addThroughPlugin,
  callPlugin,
  type Injected,
  pluginStdin,
  type Runtime,
} from "./runtime.ts";
import { atLeast } from "./version.ts";

export type AddOptions = {
  /**
   * Calls DEL on all plugins when one fails, as the specification asks of runtimes; libcni leaves it to its caller. The
   * first error is the one thrown.
   */
  readonly undoFailed?: boolean;
};

/**
 * Attaches a container: each plugin gets the previous one's result, the last one's is cached and returned, in the list's version.
 * @throws CniError of the first plugin that fails, with its code; the rest are not called.
 */
export async function addNetworkList(
  runtime: Runtime,
  network: NetworkList,
  attachment: AttachmentConf,
  options: AddOptions = {},
): Promise<JsonObject> {
  checkAttachment(attachment);
  let result: JsonObject | undefined;
  try {
    for (const plugin of network.plugins) {
      const stdin = pluginStdin(plugin, injected(network, result), attachment.capabilityArgs);
      result = await addThroughPlugin(runtime, plugin, stdin, attachment, network.cniVersion);
    }
    if (result === undefined) throw new CniError(ErrorCode.invalidConfig, `network ${network.name} has no plugins`);
    await saveEntry(runtime.cacheDir, entryOf(network, attachment, result));
    return result;
  } catch (error) {
    if (options.undoFailed) await undo(runtime, network, attachment);
    throw error;
  }
}

/**
 * Detaches a container: the plugins in reverse order, each with the final result of the ADD where one is known (from 0.4.0 on).
 * The cached result goes when all have succeeded.
 * @throws CniError of the first plugin that fails, with its code; the rest are not called. Calling again is safe.
 */
export async function delNetworkList(
  runtime: Runtime,
  network: NetworkList,
  attachment: AttachmentConf,
): Promise<void> {
  checkAttachment(attachment);
  const key = keyOf(network, attachment);
  const prevResult = await resultForDel(runtime, network, key);
  for (const plugin of network.plugins.toReversed()) {
    await delThroughPlugin(runtime, network, plugin, attachment, prevResult);
  }
  await removeEntry(runtime.cacheDir, key);
}

/**
 * Asks each plugin whether the attachment still is as ADD left it. Does nothing when the list disables it.
 * @throws CniError of the first plugin that objects; 1 for lists before 0.4.0; one that names the file when the cached
 * result is malformed; 7 when there is none.
 */
export async function checkNetworkList(
  runtime: Runtime,
  network: NetworkList,
  attachment: AttachmentConf,
): Promise<void> {
  checkAttachment(attachment);
  if (!atLeast(network.cniVersion, "0.4.0")) {
    throw new CniError(
      ErrorCode.incompatibleVersion,
      `configuration version "${network.cniVersion}" does not support the CHECK command: ` +
        `network ${network.name} needs cniVersion 0.4.0 or newer`,
    );
  }
  if (network.disableCheck) return;
  const prevResult = await readCachedResult(runtime.cacheDir, keyOf(network, attachment), network.cniVersion);
  if (prevResult === undefined) {
    throw new CniError(
      ErrorCode.invalidConfig,
      `Cannot check ${attachment.ifname} of container ${attachment.containerId} in network ${network.name}: ` +
        `there is no cached result in ${runtime.cacheDir}, add it first`,
    );
  }
  for (const plugin of network.plugins) {
    const stdin = pluginStdin(plugin, injected(network, prevResult), attachment.capabilityArgs);
    await callPlugin(runtime, "CHECK", plugin, stdin, attachment);
  }
}

/**
 * Frees what attachments that are no longer valid have left: first DEL for every cached one, then GC to each plugin (from
 * 1.1.0 on). Without `valid` no attachment counts as valid, and plugins get no list. No ADD or DEL may run meanwhile. Goes on after
 * failures. Does nothing when the list disables it.
 * @throws CniError with the message of every failure and the code of the first.
 */
export async function gcNetworkList(
  runtime: Runtime,
  network: NetworkList,
  valid: readonly Attachment[] | undefined,
): Promise<void> {
  if (network.disableGC) return;
  const failures: CniError[] = [];
  for (const entry of await listEntries(runtime.cacheDir)) {
    if (entry.network !== network.name || valid?.some((each) => isOf(entry, each))) continue;
    await collect(failures, `failed to delete stale attachment ${entry.containerId} ${entry.ifname}`, () =>
      delNetworkList(runtime, network, { ...entry, args: entry.cniArgs }),
    );
  }
  if (atLeast(network.cniVersion, "1.1.0")) {
    // The key has had two names in text and code of the specification, and plugins read either.
    const list = valid?.map(({ containerID, ifname }) => ({ containerID, ifname }));
    const lists = list === undefined ? {} : { "cni.dev/valid-attachments": list, "cni.dev/attachments": list };
    for (const plugin of network.plugins) {
      await collect(failures, "failed to collect garbage", () =>
        callPlugin(runtime, "GC", plugin, pluginStdin(plugin, { ...injected(network), ...lists })),
      );
    }
  }
  const [first, ...others] = failures;
  if (first === undefined) return;
  if (others.length === 0) throw first;
  const message = failures.map((failure) => failure.message).join("; ");
  throw new CniError(first.code, message, { details: first.details, cause: new AggregateError(failures) });
}

/**
 * Asks each plugin whether it could serve an ADD now. Lists before 1.1.0 cannot be asked and count as ready.
 * @throws CniError of the first plugin that is not ready: code 50, or 51 when running containers suffer too.
 */
export async function statusNetworkList(runtime: Runtime, network: NetworkList): Promise<void> {
  if (!atLeast(network.cniVersion, "1.1.0")) return;
  for (const plugin of network.plugins) {
    await callPlugin(runtime, "STATUS", plugin, pluginStdin(plugin, injected(network)));
  }
}

/** DEL must work whatever became of the cache: what cannot be read is dropped. */
async function resultForDel(runtime: Runtime, network: NetworkList, key: CacheKey): Promise<JsonObject | undefined> {
  if (!atLeast(network.cniVersion, "0.4.0")) return undefined;
  try {
    return await readCachedResult(runtime.cacheDir, key, network.cniVersion);
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    await removeEntry(runtime.cacheDir, key);
    return undefined;
  }
}

async function delThroughPlugin(
  runtime: Runtime,
  network: NetworkList,
  plugin: PluginConf,
  attachment: AttachmentConf,
  prevResult: JsonObject | undefined,
): Promise<void> {
  const stdin = pluginStdin(plugin, injected(network, prevResult), attachment.capabilityArgs);
  await callPlugin(runtime, "DEL", plugin, stdin, attachment);
}

/**
 * Without prevResult: a half-made chain has no final result. Unlike a DEL it goes on after failures: nobody may come back
 * for the rest.
 */
async function undo(runtime: Runtime, network: NetworkList, attachment: AttachmentConf): Promise<void> {
  for (const plugin of network.plugins.toReversed()) {
    try {
      await delThroughPlugin(runtime, network, plugin, attachment, undefined);
    } catch (error) {
      const what = `Cannot undo the failed add of container ${attachment.containerId}`;
      runtime.onStderr?.(`${what}: ${toCniError(error).message}\n`);
    }
  }
}

function injected(network: NetworkList, prevResult?: JsonObject): Injected {
  const { name, cniVersion } = network;
  return { name, cniVersion, ...(prevResult === undefined ? {} : { prevResult }) };
}

async function collect(failures: CniError[], what: string, step: () => Promise<unknown>): Promise<void> {
  try {
    await step();
  } catch (error) {
    const { code, message, details } = toCniError(error);
    failures.push(new CniError(code, `${what}: ${message}`, { details, cause: error }));
  }
}

function checkAttachment({ containerId, ifname }: AttachmentConf): void {
  checkContainerId(containerId);
  checkIfname(ifname);
}

function keyOf(network: NetworkList, { containerId, ifname }: AttachmentConf): CacheKey {
  return { network: network.name, containerId, ifname };
}

function isOf(entry: CacheEntry, attachment: Attachment): boolean {
  return entry.containerId === attachment.containerID && entry.ifname === attachment.ifname;
}

function entryOf(network: NetworkList, attachment: AttachmentConf, result: JsonObject): CacheEntry {
  const { netns, args: cniArgs, capabilityArgs } = attachment;
  return { ...keyOf(network, attachment), config: network.text, netns, cniArgs, capabilityArgs, result };
}
