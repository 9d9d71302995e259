// The hooks of a container: what it is told right after its start and right before its end.

import type { Container, LifecycleHandler } from "kubernetes-types/core/v1";
import { probeTarget } from "#lab/kubelet/probe/probe-target.ts";
import { type ExecInContainer, tryProbe } from "#lab/kubelet/probe/try-probe.ts";
import type { Ip } from "#net/ip.ts";

/** Runs a hook; returns why it failed, undefined when it did not. */
export async function runHook(
  hook: LifecycleHandler,
  container: Container,
  ip: Ip,
  timeoutMs: number,
  exec: ExecInContainer,
): Promise<string | undefined> {
  if (hook.sleep !== undefined) {
    await Bun.sleep(Math.min(hook.sleep.seconds * 1000, timeoutMs));
    return undefined;
  }
  const target = probeTarget(hook, container, ip);
  if (target === undefined) return "the hook has no action, or names a port that the container does not declare";
  const result = await tryProbe(target, timeoutMs, exec);
  return result.ok ? undefined : result.why;
}
