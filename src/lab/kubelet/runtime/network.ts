// The node's network as a container runtime uses it: the conflist of a folder, ADD, DEL, GC and STATUS of its executables.

import { readEntry } from "#cni/cache.ts";
import { addNetworkList, delNetworkList, gcNetworkList, statusNetworkList } from "#cni/chain.ts";
import { type NetworkList, parseNetworkList } from "#cni/conflist.ts";
import { decodeResult } from "#cni/convert.ts";
import { toCniError } from "#cni/error.ts";
import { findPlugin } from "#cni/find-plugin.ts";
import type { JsonObject } from "#cni/json.ts";
import { loadDefaultNetwork } from "#cni/lookup.ts";
import type { AttachmentConf, Runtime } from "#cni/runtime.ts";
import { addressOf } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";

/** What the runtime keeps of an attachment, to detach it with the same words. */
export type Attachment = {
  readonly containerId: string;
  readonly netns: string;
  /** Its name; "" for an attachment that was not made. */
  readonly network: string;
  readonly args: readonly (readonly [string, string])[];
  readonly capabilityArgs: JsonObject;
};

const podIfname = "eth0";

/** A list of our own, which needs no file: runtimes bring up `lo` in every sandbox. */
const loopback: NetworkList = parseNetworkList(
  JSON.stringify({ cniVersion: "0.3.1", name: "cni-loopback", plugins: [{ type: "loopback" }] }),
  "the loopback network",
);

export class NodeNetwork {
  readonly #runtime: Runtime;
  readonly #confDir: string;

  constructor(runtime: Runtime, confDir: string) {
    this.#runtime = runtime;
    this.#confDir = confDir;
  }

  /**
   * Why pods cannot be attached now, as the node's Ready condition words it; undefined when they can. Looks at the folder
   * anew each time, so that a changed conflist counts from the next pod on.
   */
  async problem(): Promise<string | undefined> {
    try {
      const { network } = await loadDefaultNetwork(this.#confDir);
      await statusNetworkList(this.#runtime, network);
      return undefined;
    } catch (error) {
      return toCniError(error).message;
    }
  }

  /** The network that pods are attached to from now on. @throws CniError when there is none */
  async current(): Promise<NetworkList> {
    return (await loadDefaultNetwork(this.#confDir)).network;
  }

  /** ADD of `lo` and of a network. A failed one is undone before it throws. @throws CniError */
  async attach(network: NetworkList, request: Attachment): Promise<readonly Ip[]> {
    if (this.#hasLoopback()) await addNetworkList(this.#runtime, loopback, { ...conf(request), ifname: "lo" });
    const result = await addNetworkList(this.#runtime, network, conf(request), { undoFailed: true });
    const { interfaces, ips } = decodeResult(result, network.cniVersion, `the result of network ${network.name}`);
    // Without a list of interfaces, as old plugins answer, every address is the container's.
    const own = ips.filter(({ interface: index }) => index === undefined || interfaces[index]?.sandbox !== undefined);
    return own.map(({ address }) => addressOf(address));
  }

  /** DEL with the namespace and the cached result, as when a sandbox is stopped. @throws CniError */
  async detach(network: NetworkList, sandbox: Attachment): Promise<void> {
    await delNetworkList(this.#runtime, network, conf(sandbox));
    if (this.#hasLoopback()) await delNetworkList(this.#runtime, loopback, { ...conf(sandbox), ifname: "lo" });
  }

  /** DEL once more, without a namespace, as when a stopped sandbox is removed. @throws CniError */
  async forget(network: NetworkList, sandbox: Attachment): Promise<void> {
    await delNetworkList(this.#runtime, network, { ...conf(sandbox), netns: "" });
  }

  /** Frees what sandboxes that are no more have left. @throws CniError */
  async collect(valid: readonly Attachment[]): Promise<void> {
    const { network } = await loadDefaultNetwork(this.#confDir);
    const list = valid.map(({ containerId }) => ({ containerID: containerId, ifname: podIfname }));
    await gcNetworkList(this.#runtime, network, list);
  }

  /** The network of an attachment as it was at its ADD; the present one of that name when nothing is cached any more. */
  async networkOf({ containerId, network }: Attachment): Promise<NetworkList | undefined> {
    const current = await loadDefaultNetwork(this.#confDir).catch(() => undefined);
    const key = { network, containerId, ifname: podIfname };
    const cached = await readEntry(this.#runtime.cacheDir, key).catch(() => undefined);
    // A list that takes plugins from a folder does not say them in its text.
    const same = current?.network.name === network ? current.network : undefined;
    if (cached === undefined || cached.config === same?.text) return same;
    const old = parseNetworkList(cached.config, `the cached configuration of network ${network}`);
    return old.plugins.length > 0 ? old : same;
  }

  #hasLoopback(): boolean {
    try {
      findPlugin("loopback", this.#runtime.path);
      return true;
    } catch {
      return false;
    }
  }
}

function conf({ containerId, netns, args, capabilityArgs }: Attachment): AttachmentConf {
  return { containerId, netns, ifname: podIfname, args, capabilityArgs };
}
