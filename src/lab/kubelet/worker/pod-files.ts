// The files of a pod on the node, and what of them each container sees where.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Container, Volume, VolumeMount } from "kubernetes-types/core/v1";
import type { Pod } from "#kube/kinds.ts";
import { ConfigError, type Sources } from "#lab/kubelet/pod/environment.ts";
import { expand } from "#lab/kubelet/pod/expand.ts";
import type { NodeFacts } from "#lab/kubelet/pod/fields.ts";
import { type ClusterDns, hostnameOf, hostsFile, resolvConf } from "#lab/kubelet/pod/resolver.ts";
import { type Tokens, type VolumeFiles, volumeFiles } from "#lab/kubelet/pod/volume-files.ts";
import type { Mount } from "#lab/kubelet/runtime/run-args.ts";
import { writeVolume } from "#lab/kubelet/runtime/volume-folder.ts";

/** Volumes as `prepare` left them: the version of each one's files, to be written again when it differs. */
export type Prepared = ReadonlyMap<string, string>;

/**
 * Writes what containers of the pod need in its folder; volumes of the API only where they have changed.
 * @throws ConfigError for what a volume refers to and is not there, or a kind of volume that the lab does not have.
 */
export function preparePod(
  folder: string,
  pod: Pod,
  node: NodeFacts,
  dns: ClusterDns,
  sources: Sources,
  tokens: Tokens,
  before: Prepared,
): Prepared {
  mkdirSync(folder, { recursive: true });
  if (before.size === 0) {
    writeFileSync(join(folder, "hosts"), hostsFile(pod, node.podIps, dns));
    writeFileSync(join(folder, "resolv.conf"), resolvConf(pod, dns));
    writeFileSync(join(folder, "hostname"), `${hostnameOf(pod)}\n`);
  }
  const prepared = new Map<string, string>([["", ""]]);
  for (const volume of pod.spec?.volumes ?? []) {
    const files = volumeFiles(pod, volume, node, sources, tokens);
    if (files === undefined) makeFolder(folder, pod, volume);
    else {
      const version = versionOf(files);
      prepared.set(volume.name, version);
      if (before.get(volume.name) !== version) writeVolume(join(folder, "volumes", volume.name), files, version);
    }
  }
  return prepared;
}

function versionOf(files: VolumeFiles): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const [path, { bytes, mode }] of files) hash.update(`${path}\0${mode}\0${bytes.length}\0`).update(bytes);
  return hash.digest("hex").slice(0, 16);
}

function makeFolder(folder: string, pod: Pod, volume: Volume): void {
  const source = sourceOf(folder, pod, volume);
  const { hostPath } = volume;
  if (hostPath === undefined) return void mkdirSync(source, { recursive: true, mode: 0o777 });
  const type = hostPath.type ?? "";
  if (type === "DirectoryOrCreate") mkdirSync(source, { recursive: true });
  else if (type === "FileOrCreate" && !existsSync(source)) {
    mkdirSync(dirname(source), { recursive: true });
    writeFileSync(source, "");
  } else if (!existsSync(source)) {
    // Without a type a runtime makes what is missing.
    if (type !== "") throw new ConfigError(`hostPath type check failed: ${source} is not a ${type}`);
    mkdirSync(source, { recursive: true });
  }
}

/** Where a volume's files are on the node. */
function sourceOf(folder: string, pod: Pod, volume: Volume): string {
  const { hostPath, persistentVolumeClaim } = volume;
  if (hostPath !== undefined) return hostPath.path;
  // A claim lives as long as the node's state: whoever comes after the pod finds it again.
  if (persistentVolumeClaim !== undefined) {
    return join(dirname(dirname(folder)), "claims", pod.metadata.namespace ?? "", persistentVolumeClaim.claimName);
  }
  const known =
    volume.emptyDir ?? volume.configMap ?? volume.secret ?? volume.downwardAPI ?? volume.projected ?? volume.ephemeral;
  if (known !== undefined) return join(folder, "volumes", volume.name);
  const kind = Object.keys(volume).find((key) => key !== "name");
  throw new ConfigError(`Cannot mount volume "${volume.name}": the lab has no ${kind ?? "such"} volumes`);
}

/** What a container sees beside its image. @throws ConfigError */
export function mountsOf(
  folder: string,
  pod: Pod,
  container: Container,
  variables: ReadonlyMap<string, string>,
): readonly Mount[] {
  const own: readonly Mount[] = ["hosts", "resolv.conf", "hostname"].map((name) => ({
    source: join(folder, name),
    target: `/etc/${name}`,
    readOnly: false,
  }));
  const mounts = (container.volumeMounts ?? []).map((mount) => mountOf(folder, pod, mount, variables));
  const taken = new Set(mounts.map(({ target }) => target));
  return [...own.filter(({ target }) => !taken.has(target)), ...mounts];
}

function mountOf(folder: string, pod: Pod, mount: VolumeMount, variables: ReadonlyMap<string, string>): Mount {
  const volume = (pod.spec?.volumes ?? []).find(({ name }) => name === mount.name);
  if (volume === undefined) throw new ConfigError(`Cannot mount "${mount.name}": the pod has no such volume`);
  const source = sourceOf(folder, pod, volume);
  const below = mount.subPathExpr === undefined ? mount.subPath : expand(mount.subPathExpr, variables);
  const isApi = volume.configMap ?? volume.secret ?? volume.downwardAPI ?? volume.projected;
  return {
    source: below === undefined || below === "" ? source : madeBelow(source, below),
    target: mount.mountPath,
    readOnly: mount.readOnly === true || isApi !== undefined,
  };
}

function madeBelow(source: string, below: string): string {
  const path = join(source, below);
  if (!`${path}/`.startsWith(`${source}/`))
    throw new ConfigError(`Cannot mount "${below}": it leads out of the volume`);
  if (!existsSync(path)) mkdirSync(path, { recursive: true });
  return path;
}
