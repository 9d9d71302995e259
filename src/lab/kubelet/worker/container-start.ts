// From a container of a manifest to the request that starts it.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Container, PodSecurityContext, SecurityContext } from "kubernetes-types/core/v1";
import type { Pod } from "#kube/kinds.ts";
import { parseQuantity } from "#kube/quantity.ts";
import { environmentOf, type Sources } from "#lab/kubelet/pod/environment.ts";
import { expand } from "#lab/kubelet/pod/expand.ts";
import type { NodeFacts } from "#lab/kubelet/pod/fields.ts";
import { programOf } from "#lab/kubelet/pod/program.ts";
import type { Limits } from "#lab/kubelet/runtime/limits.ts";
import { type Mount, type RunRequest, twillTarget } from "#lab/kubelet/runtime/run-args.ts";
import type { SandboxRecord } from "#lab/kubelet/runtime/state-dir.ts";
import type { KubeletHost } from "./kubelet-host.ts";
import { mountsOf } from "./pod-files.ts";

/** @throws ConfigError for what the container refers to and is not there. */
export function runRequest(
  host: Pick<KubeletHost, "services" | "hasProgram" | "twill">,
  pod: Pod,
  container: Container,
  attempt: number,
  parts: {
    readonly sandbox: SandboxRecord;
    readonly folder: string;
    readonly node: NodeFacts;
    readonly sources: Sources;
    readonly messageFile: string;
  },
): RunRequest {
  const { sandbox, folder, node, sources, messageFile } = parts;
  const env = environmentOf(pod, container, node, host.services(), sources);
  const variables = new Map(env);
  const program = programOf(pod, container, node.name, variables, host.hasProgram);
  const { hostPID, shareProcessNamespace } = pod.spec ?? {};
  return {
    uid: sandbox.uid,
    container: container.name,
    attempt,
    sandboxPid: sandbox.pid,
    processes: hostPID === true ? "node" : shareProcessNamespace === true ? "pod" : "own",
    program,
    env,
    cwd: container.workingDir === undefined ? undefined : expand(container.workingDir, variables),
    user: userOf(pod.spec?.securityContext ?? {}, container.securityContext ?? {}),
    mounts: [
      ...mountsOf(folder, pod, container, variables),
      messageMount(messageFile, container),
      ...(program.kind === "twill" ? [{ source: host.twill, target: twillTarget, readOnly: true }] : []),
    ],
    input: { stdin: container.stdin === true, stdinOnce: container.stdinOnce === true, tty: container.tty === true },
  };
}

/** The file where a container writes why it ends (Kubernetes API reference, "terminationMessagePath"). */
function messageMount(file: string, { terminationMessagePath = "/dev/termination-log" }: Container): Mount {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, "", { mode: 0o666 });
  return { source: file, target: terminationMessagePath, readOnly: false };
}

/** `UID[:GID...]`; undefined leaves it at root, as an image without a user has it. */
function userOf(pod: PodSecurityContext, own: SecurityContext): string | undefined {
  const user = own.runAsUser ?? pod.runAsUser;
  const group = own.runAsGroup ?? pod.runAsGroup;
  const further = [...(pod.supplementalGroups ?? []), ...(pod.fsGroup === undefined ? [] : [pod.fsGroup])];
  if (user === undefined && group === undefined && further.length === 0) return undefined;
  return [user ?? 0, group ?? 0, ...further].join(":");
}

export function limitsOf({ resources = {} }: Container): Limits {
  const memoryBytes = parseQuantity(resources.limits?.["memory"] ?? "");
  const cpus = parseQuantity(resources.limits?.["cpu"] ?? "");
  return { ...(memoryBytes === undefined ? {} : { memoryBytes }), ...(cpus === undefined ? {} : { cpus }) };
}
