// IPAM plugins driven as runtimes and main plugins do, on a folder of the test's own; needs neither root nor a namespace.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Json, JsonObject } from "#cni/json.ts";
import type { Attachment, Outcome, Plugin } from "#cni/plugin.ts";
import { runPlugin } from "#cni/serve-plugin.ts";
import { type Host, OpenHost } from "#plugins/host.ts";
import { ownPrefix } from "./owner.ts";

export type IpamCall = {
  readonly command: string;
  readonly containerId?: string;
  readonly ifname?: string;
  /** CNI_ARGS */
  readonly args?: string;
  readonly cniVersion?: string;
  readonly network?: string;
  readonly ipam?: JsonObject;
  /** Further keys of the configuration. */
  readonly conf?: JsonObject;
  readonly valid?: readonly Attachment[];
};

export type IpamAnswer = {
  readonly exitCode: number;
  /** What was printed; null for nothing. */
  readonly json: Json;
  /** `10.1.0.2/24` of an ADD's result. */
  readonly addresses: readonly string[];
  /** The message of an error; empty for none. */
  readonly msg: string;
  readonly code: number;
};

export class IpamNode implements Disposable {
  readonly host: OpenHost;
  readonly dir: string;

  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), `${ownPrefix()}0-ipam-`));
    mkdirSync(this.dataDir);
    this.host = openTestHost(join(this.dir, "run"));
  }

  /** `ipam.dataDir` of all calls that do not name another. */
  get dataDir(): string {
    return join(this.dir, "networks");
  }

  /** As if the service had been restarted: nothing is remembered. */
  restarted(): OpenHost {
    return openTestHost(join(this.dir, "run"));
  }

  async call(plugin: Plugin<Host>, call: IpamCall, host: Host = this.host): Promise<IpamAnswer> {
    const { env, stdin } = invocationOf(call, this.dataDir);
    return readAnswer(await runPlugin(plugin, { plugin: plugin.name, env, stdin }, host));
  }

  /** Runs the executable instead. */
  exec(file: string, call: IpamCall, dataDir = this.dataDir): IpamAnswer {
    const { env, stdin } = invocationOf(call, dataDir);
    const { exitCode, stdout, stderr } = Bun.spawnSync([file], {
      env: Object.fromEntries(env),
      stdin,
      timeout: 30_000,
    });
    return readAnswer({ exitCode: exitCode ?? 128, stdout: stdout.toString(), stderr: stderr.toString() });
  }

  [Symbol.dispose](): void {
    this.host[Symbol.dispose]();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export function openTestHost(runDir: string): OpenHost {
  return new OpenHost({
    runDir,
    random: (bytes) => crypto.getRandomValues(bytes),
    now: () => Date.now(),
    sleep: (ms) => Bun.sleep(ms),
  });
}

function invocationOf(call: IpamCall, dataDir: string) {
  const env = new Map([
    ["CNI_COMMAND", call.command],
    ["CNI_CONTAINERID", call.containerId ?? "c1"],
    ["CNI_IFNAME", call.ifname ?? "eth0"],
    ["CNI_NETNS", "/run/netns/none"],
    ["CNI_PATH", "/nowhere"],
    ...(call.args === undefined ? [] : [["CNI_ARGS", call.args] as const]),
  ] as const);
  const config: JsonObject = {
    cniVersion: call.cniVersion ?? "1.0.0",
    name: call.network ?? "net",
    type: "bridge",
    ipam: { dataDir, ...call.ipam },
    ...call.conf,
    ...(call.valid === undefined ? {} : { "cni.dev/valid-attachments": [...call.valid] }),
  };
  return { env, stdin: new TextEncoder().encode(JSON.stringify(config)) };
}

function readAnswer({ exitCode, stdout }: Outcome): IpamAnswer {
  const json = stdout === "" ? null : (JSON.parse(stdout) as Json);
  const printed = (json ?? {}) as { ips?: { address: string }[]; msg?: string; code?: number };
  return {
    exitCode,
    json,
    addresses: (printed.ips ?? []).map(({ address }) => address),
    msg: printed.msg ?? "",
    code: printed.code ?? 0,
  };
}
