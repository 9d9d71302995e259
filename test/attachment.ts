// One attachment of a container, driven as a runtime would, in this process.

import { CniError } from "#cni/error.ts";
import type { Json, JsonObject } from "#cni/json.ts";
import type { Outcome, Plugin } from "#cni/plugin.ts";
import { runPlugin } from "#cni/serve-plugin.ts";
import type { Host } from "#plugins/host.ts";

export type AttachmentOptions = {
  readonly plugin: Plugin<Host>;
  readonly host: Host;
  /** The plugin's configuration; `cniVersion` (1.1.0), `name` (`net`) and `type` are added where absent. */
  readonly conf: JsonObject;
  /** Path of the container's namespace. */
  readonly netns: string;
  readonly containerId?: string;
  readonly ifname?: string;
  readonly args?: string;
  /** CNI_PATH: where IPAM plugins are; Debian's reference plugins unless given. */
  readonly path?: string;
  /** Further variables. */
  readonly env?: Readonly<Record<string, string>>;
};

/** What changes for one call. */
export type CallChanges = {
  readonly netns?: string;
  readonly ifname?: string;
  readonly conf?: JsonObject;
};

export type InterfaceJson = {
  readonly name: string;
  readonly mac?: string;
  readonly sandbox?: string;
  readonly pciID?: string;
};
/** A result as it was printed. */
export type ResultJson = {
  readonly cniVersion: string;
  readonly interfaces?: readonly InterfaceJson[];
  readonly ips?: readonly { readonly address: string; readonly gateway?: string; readonly interface?: number }[];
  readonly routes?: readonly { readonly dst: string; readonly gw?: string }[];
  readonly dns?: JsonObject;
};

export class TestAttachment {
  readonly #options: AttachmentOptions;
  /** What the last successful ADD printed. */
  result: ResultJson | undefined;

  constructor(options: AttachmentOptions) {
    this.#options = options;
  }

  /** @throws CniError as printed by the plugin. */
  async add(changes: CallChanges = {}): Promise<ResultJson> {
    const outcome = succeeded(await this.call("ADD", changes));
    this.result = JSON.parse(outcome.stdout) as ResultJson;
    return this.result;
  }

  /** With the last result as `prevResult`, as a runtime that has it cached. */
  async del(changes: CallChanges = {}): Promise<void> {
    succeeded(await this.call("DEL", this.#withResult(changes)));
  }

  async check(changes: CallChanges = {}): Promise<void> {
    succeeded(await this.call("CHECK", this.#withResult(changes)));
  }

  /** `valid`: the attachments still in use; undefined sends no list. */
  async gc(valid: readonly { readonly containerID: string; readonly ifname: string }[] | undefined): Promise<void> {
    const list = valid === undefined ? {} : { "cni.dev/valid-attachments": [...valid] };
    succeeded(await this.call("GC", { conf: list }));
  }

  async status(): Promise<void> {
    succeeded(await this.call("STATUS"));
  }

  call(command: string, changes: CallChanges = {}): Promise<Outcome> {
    const {
      plugin,
      host,
      conf,
      netns,
      containerId = "c1",
      ifname = "eth0",
      args = "",
      path = "/usr/lib/cni",
      env: further = {},
    } = this.#options;
    const config = { cniVersion: "1.1.0", name: "net", type: plugin.name, ...conf, ...changes.conf };
    const env = new Map([
      ["CNI_COMMAND", command],
      ["CNI_CONTAINERID", containerId],
      ["CNI_NETNS", changes.netns ?? netns],
      ["CNI_IFNAME", changes.ifname ?? ifname],
      ["CNI_ARGS", args],
      ["CNI_PATH", path],
      // Not the machine's own bus: a firewalld there is none of a test's business.
      ["DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere"],
      ...Object.entries(further),
    ]);
    return runPlugin(
      plugin,
      { plugin: plugin.name, env, stdin: new TextEncoder().encode(JSON.stringify(config)) },
      host,
    );
  }

  #withResult(changes: CallChanges): CallChanges {
    if (this.result === undefined) return changes;
    return { ...changes, conf: { prevResult: this.result as unknown as Json, ...changes.conf } };
  }
}

function succeeded(outcome: Outcome): Outcome {
  if (outcome.exitCode === 0) return outcome;
  const { code, msg, details } = JSON.parse(outcome.stdout) as { code: number; msg: string; details?: string };
  throw new CniError(code, msg, details === undefined ? {} : { details });
}
