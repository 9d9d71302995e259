// One try of a probe from the node: a request, a connection, or a program in the container.

import { connect } from "node:net";
import type { ProbeTarget } from "./probe-target.ts";

/** Success, or the sentence that the event says. */
export type ProbeResult = { readonly ok: true } | { readonly ok: false; readonly why: string };

/** Runs a program in the container; resolves with its exit code and what it printed. */
export type ExecInContainer = (
  argv: readonly string[],
  signal: AbortSignal,
) => Promise<{ readonly exitCode: number; readonly output: string }>;

const maxShown = 200;

export async function tryProbe(target: ProbeTarget, timeoutMs: number, exec: ExecInContainer): Promise<ProbeResult> {
  try {
    switch (target.kind) {
      case "http":
        return await tryHttp(target, timeoutMs);
      case "tcp":
        return await tryTcp(target, timeoutMs);
      case "exec": {
        const { exitCode, output } = await exec(target.argv, AbortSignal.timeout(timeoutMs));
        return exitCode === 0
          ? { ok: true }
          : { ok: false, why: output.trim().slice(0, maxShown) || `exit code ${exitCode}` };
      }
    }
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message : String(error) };
  }
}

async function tryHttp({ url, headers }: ProbeTarget & { kind: "http" }, timeoutMs: number): Promise<ProbeResult> {
  try {
    const response = await fetch(url, {
      headers: [
        ["user-agent", "kube-probe/1.30"],
        ["accept", "*/*"],
        ["connection", "close"],
        ...headers.map(([name, value]): [string, string] => [name, value]),
      ],
      redirect: "manual",
      keepalive: false,
      signal: AbortSignal.timeout(timeoutMs),
      // As kubelets: a probe asks whether somebody answers, not who.
      tls: { rejectUnauthorized: false },
    });
    await response.body?.cancel();
    if (response.status >= 200 && response.status < 400) return { ok: true };
    return { ok: false, why: `HTTP probe failed with statuscode: ${response.status}` };
  } catch (error) {
    return { ok: false, why: `Get "${url}": ${error instanceof Error ? error.message : String(error)}` };
  }
}

function tryTcp({ host, port }: ProbeTarget & { kind: "tcp" }, timeoutMs: number): Promise<ProbeResult> {
  const { promise, resolve } = Promise.withResolvers<ProbeResult>();
  const socket = connect({ host, port });
  const done = (result: ProbeResult) => {
    socket.destroy();
    resolve(result);
  };
  socket.setTimeout(timeoutMs, () => done({ ok: false, why: `dial tcp ${host}:${port}: i/o timeout` }));
  socket.on("connect", () => done({ ok: true }));
  socket.on("error", (error) => done({ ok: false, why: `dial tcp ${host}:${port}: ${error.message}` }));
  return promise;
}
