// The network configuration that makes a container runtime call us.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentConfig } from "#agent/config/config.ts";
import { isErrno } from "#kernel/errno.ts";

/** What a runtime may hand down to us. */
const capabilities = { bandwidth: true, ips: true, mac: true, portMappings: true };

function conflistText({ network }: AgentConfig["cni"]): string {
  // A runtime takes the highest of `cniVersions` that it knows (CNI 1.1.0, section 1). Those that are older than this field speak as
  // `cniVersion` says, and refuse an answer of a version that is newer than they are.
  const list = { cniVersion: "0.4.0", cniVersions: ["0.3.1", "0.4.0", "1.0.0", "1.1.0"], name: network };
  return `${JSON.stringify({ ...list, plugins: [{ type: "twill", capabilities }] }, undefined, 2)}\n`;
}

/**
 * Writes it last of all that makes a node ready; whether anything changed. By renaming inside of the folder: a runtime never
 * reads half of it, and containerd does not notice a file that is moved in from elsewhere. Throws what node:fs throws.
 */
export function writeConflist(cni: AgentConfig["cni"]): boolean {
  const path = join(cni.folder, cni.file);
  const text = conflistText(cni);
  if (readIfThere(path) === text) return false;
  mkdirSync(cni.folder, { recursive: true, mode: 0o755 });
  // Of an ending that no runtime reads.
  const draft = join(cni.folder, `.${cni.file}.new`);
  writeFileSync(draft, text, { mode: 0o644 });
  renameSync(draft, path);
  return true;
}

/** The runtime then goes on with what else is in the folder. */
export function removeConflist({ folder, file }: AgentConfig["cni"]): void {
  rmSync(join(folder, file), { force: true });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
