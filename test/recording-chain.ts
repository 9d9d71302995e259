// A chain of two recording plugins, with a network, an attachment and a runtime for it.

import { join } from "node:path";
import type { CacheKey } from "#cni/cache.ts";
import { type NetworkList, parseNetworkList } from "#cni/conflist.ts";
import { CniError } from "#cni/error.ts";
import type { Json, JsonObject } from "#cni/json.ts";
import type { AttachmentConf, Runtime } from "#cni/runtime.ts";
import { RecordingPlugins } from "./recording-plugins.ts";

/** What the plugin `main` answers an ADD with. */
export const mainResult = { cniVersion: "1.1.0", interfaces: [{ name: "eth0" }], "x-unknown": [1] };

/** What the plugin `meta`, the last, answers an ADD with. */
export const finalResult = {
  cniVersion: "1.1.0",
  interfaces: [{ name: "eth0" }],
  ips: [{ address: "10.0.0.2/24" }],
};

export const attachment: AttachmentConf = {
  containerId: "c1",
  netns: "/run/netns/c1",
  ifname: "eth0",
  args: [
    ["IgnoreUnknown", "1"],
    ["A", "b"],
  ],
  capabilityArgs: { portMappings: [{ hostPort: 80 }], mac: "02:00:00:00:00:01", bandwidth: {} },
};

/** Where the result of `attachment` in `networkWith()` is cached. */
export const cacheKey: CacheKey = { network: "net", containerId: "c1", ifname: "eth0" };

/** The network `net` of `main` and `meta`, fields replaced or added as given. */
export function networkWith(fields: JsonObject = {}): NetworkList {
  const conf: Json = {
    cniVersion: "1.1.0",
    name: "net",
    plugins: [
      { z: 1, type: "main", NAME: "shadow", capabilities: { mac: true, portMappings: false, ips: true } },
      { type: "meta", name: "old name", capabilities: { portMappings: true }, a: { deep: [null, 1.5, "ü"] } },
    ],
    ...fields,
  };
  return parseNetworkList(JSON.stringify(conf), "test.conflist");
}

export type RecordingChain = Disposable & { readonly plugins: RecordingPlugins; readonly runtime: Runtime };

/** The plugins installed, and a runtime that finds them and caches beside them. */
export function recordingChain(): RecordingChain {
  const plugins = new RecordingPlugins("main", "meta");
  plugins.answer("main", "ADD", { stdout: mainResult });
  plugins.answer("meta", "ADD", { stdout: finalResult });
  const runtime: Runtime = {
    path: ["/nowhere", plugins.bin],
    cacheDir: join(plugins.folder, "cache"),
    env: new Map([
      ["PATH", process.env["PATH"] ?? "/usr/bin:/bin"],
      ["CNI_IFNAME", "from-outside"],
    ]),
  };
  return { plugins, runtime, [Symbol.dispose]: () => plugins[Symbol.dispose]() };
}

/** Code and message of the CniError that `action` ends with, `no error` without one. Other errors pass. */
export async function failureOf(action: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof action === "function" ? action() : action);
  } catch (error) {
    if (error instanceof CniError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "no error";
}
