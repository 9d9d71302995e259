// Calls of a plugin inside the test process, as a runtime would make them.

import type { Outcome, Plugin } from "#cni/plugin.ts";
import { runPlugin } from "#cni/serve-plugin.ts";
import type { Host } from "#plugins/host.ts";

export type CallOptions = {
  readonly config: Readonly<Record<string, unknown>>;
  readonly containerId?: string;
  readonly netns?: string;
  readonly ifname?: string;
  readonly args?: string;
  /** CNI_PATH; Debian's reference plugins unless given. */
  readonly path?: string;
};

export type Answer = Outcome & { readonly json: Readonly<Record<string, unknown>> };

/** Runs one verb of `plugin`; `json` is what it printed, empty when that is nothing. */
export async function callPlugin(
  plugin: Plugin<Host>,
  verb: string,
  host: Host,
  options: CallOptions,
): Promise<Answer> {
  const { config, containerId = "c1", netns = "", ifname = "eth0", args = "", path = "/usr/lib/cni" } = options;
  const env = new Map([
    ["CNI_COMMAND", verb],
    ["CNI_CONTAINERID", containerId],
    ["CNI_NETNS", netns],
    ["CNI_IFNAME", ifname],
    ["CNI_ARGS", args],
    ["CNI_PATH", path],
  ]);
  const stdin = new TextEncoder().encode(JSON.stringify(config));
  const outcome = await runPlugin(plugin, { plugin: plugin.name, env, stdin }, host);
  const json = outcome.stdout === "" ? {} : (JSON.parse(outcome.stdout) as Readonly<Record<string, unknown>>);
  return { ...outcome, json };
}

/** As `callPlugin`, and throws what the plugin printed when it failed. */
export async function mustCall(plugin: Plugin<Host>, verb: string, host: Host, options: CallOptions): Promise<Answer> {
  const answer = await callPlugin(plugin, verb, host, options);
  if (answer.exitCode !== 0) throw new Error(`${plugin.name} ${verb} failed: ${answer.stdout}${answer.stderr}`);
  return answer;
}
