// The kubelet's folder: what a kubelet that comes after a crash must find again, and where containers' files lie.
//
//   sandboxes/UID.json             the sandbox of a pod (SandboxRecord)
//   containers/UID.NAME.N.json     the N-th run of a container, written by its monitor
//   logs/UID.NAME.N.log            what it wrote
//   attach/DIGEST                  sockets of the containers that run
//   pods/UID/                      its volumes, hosts file and resolv.conf

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeWhole } from "#lab/whole-file.ts";
import type { Ip } from "#net/ip.ts";
import {
  containerDigest,
  formatInstance,
  type Instance,
  type InstanceKey,
  instanceName,
  parseInstance,
  parseInstanceName,
} from "./instance.ts";
import type { Attachment } from "./network.ts";

/** A pod's sandbox. Written before its network is made, so that nothing made is ever unknown. */
export type SandboxRecord = {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Process that holds the namespaces; 0 before it is started. */
  readonly pid: number;
  readonly hostNetwork: boolean;
  /** Undefined with the host's network. */
  readonly attachment: Attachment | undefined;
  /** False from the moment the network is asked for until it has answered, and after it was taken away. */
  readonly ready: boolean;
  readonly ips: readonly Ip[];
};

/** Bytes of a last word that the API is told, as with Kubernetes. */
const maxMessage = 4096;

export class StateDir {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    for (const folder of ["sandboxes", "containers", "logs", "pods", "attach"])
      mkdirSync(join(path, folder), { recursive: true });
  }

  /** Where monitors tell that a container has started or ended. */
  get containersDir(): string {
    return join(this.path, "containers");
  }

  podDir(uid: string): string {
    return join(this.path, "pods", uid);
  }

  statusFile(key: InstanceKey): string {
    return join(this.containersDir, `${instanceName(key)}.json`);
  }

  logFile(key: InstanceKey): string {
    return join(this.path, "logs", `${instanceName(key)}.log`);
  }

  /** Where a run of a container may say why it ends. */
  messageFile(key: InstanceKey): string {
    return join(this.podDir(key.uid), "messages", `${key.container}.${key.attempt}`);
  }

  /** A socket's path is short: at most 107 bytes. */
  attachSocket(key: InstanceKey): string {
    return join(this.path, "attach", containerDigest(key).slice(0, 16));
  }

  saveSandbox(record: SandboxRecord): void {
    writeWhole(join(this.path, "sandboxes", `${record.uid}.json`), `${JSON.stringify(record)}\n`);
  }

  /** All sandboxes; a file that cannot be read is one of a crash in its first moment, and is dropped. */
  sandboxes(): readonly SandboxRecord[] {
    const folder = join(this.path, "sandboxes");
    return readdirSync(folder).flatMap((name) => {
      if (!name.endsWith(".json")) return [];
      const record = readJson(join(folder, name));
      return record === undefined ? [] : [record as SandboxRecord];
    });
  }

  forgetSandbox(uid: string): void {
    rmSync(join(this.path, "sandboxes", `${uid}.json`), { force: true });
  }

  saveInstance(instance: Instance): void {
    writeWhole(this.statusFile(instance), formatInstance(instance));
  }

  /** Undefined when there is no such file, or another one. */
  instance(fileName: string): Instance | undefined {
    const key = fileName.endsWith(".json") ? parseInstanceName(fileName.slice(0, -".json".length)) : undefined;
    if (key === undefined) return undefined;
    try {
      return this.#withMessage(parseInstance(key, readFileSync(this.statusFile(key), "utf8")));
    } catch {
      return undefined;
    }
  }

  #withMessage(instance: Instance | undefined): Instance | undefined {
    if (instance?.ending === undefined || instance.ending.message !== undefined) return instance;
    const message = readIfThere(this.messageFile(instance)).slice(0, maxMessage);
    return message === "" ? instance : { ...instance, ending: { ...instance.ending, message } };
  }

  instances(): readonly Instance[] {
    return readdirSync(this.containersDir).flatMap((name) => this.instance(name) ?? []);
  }

  /** Removes a pod's volumes and files. */
  forgetPod(uid: string): void {
    rmSync(this.podDir(uid), { recursive: true, force: true });
  }

  forgetInstance(key: InstanceKey): void {
    rmSync(this.statusFile(key), { force: true });
    rmSync(this.logFile(key), { force: true });
    rmSync(this.attachSocket(key), { force: true });
    rmSync(`${this.logFile(key)}.1`, { force: true });
  }
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
