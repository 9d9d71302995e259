// One try of a probe from the node: a request, a connection, or a program in the container.

import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { messageOf } from "#base/error-message.ts";
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
    return { ok: false, why: messageOf(error) };
  }
}

/** Asks by hand, over a socket of its own: a probe wants one status, not what an HTTP client does for its next request. */
function tryHttp({ url, headers }: ProbeTarget & { kind: "http" }, timeoutMs: number): Promise<ProbeResult> {
  const { protocol, hostname, port, host, pathname, search } = new URL(url);
  const all = [
    ["Host", host],
    ["User-Agent", "kube-probe/1.30"],
    ["Accept", "*/*"],
    ["Connection", "close"],
    ...headers,
  ];
  const lines = [`GET ${pathname}${search} HTTP/1.1`, ...all.map(([name, value]) => `${name}: ${value}`), "", ""];
  const where = { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || (protocol === "https:" ? 443 : 80) };
  const failure = (why: string) => ({ ok: false, why: `Get "${url}": ${why}` }) as const;
  // As kubelets: a probe asks whether somebody answers, not who.
  const open = () => (protocol === "https:" ? connectTls({ ...where, rejectUnauthorized: false }) : connect(where));
  return overSocket(open, timeoutMs, failure, (socket, done) => {
    let answer = "";
    socket.on(protocol === "https:" ? "secureConnect" : "connect", () => socket.write(lines.join("\r\n")));
    socket.on("data", (bytes) => {
      answer += bytes.toString("latin1");
      if (answer.includes("\n") || answer.length > maxStatusLine) done(judge(answer));
    });
    socket.on("end", () => done(failure("EOF")));
  });
}

const maxStatusLine = 4096;

function judge(answer: string): ProbeResult {
  const status = Number(/^HTTP\/1\.\d (\d{3})/.exec(answer)?.[1]);
  if (status >= 200 && status < 400) return { ok: true };
  return {
    ok: false,
    why: Number.isNaN(status) ? "malformed HTTP response" : `HTTP probe failed with statuscode: ${status}`,
  };
}

function tryTcp(where: ProbeTarget & { kind: "tcp" }, timeoutMs: number): Promise<ProbeResult> {
  const { host, port } = where;
  const failure = (why: string) => ({ ok: false, why: `dial tcp ${host}:${port}: ${why}` }) as const;
  return overSocket(
    () => connect({ host, port }),
    timeoutMs,
    failure,
    (socket, done) => {
      socket.on("connect", () => done({ ok: true }));
    },
  );
}

/** Opens a socket for one question; whatever comes first, the answer, an error or the time, ends it. */
function overSocket(
  open: () => Socket,
  timeoutMs: number,
  failure: (why: string) => ProbeResult,
  ask: (socket: Socket, done: (result: ProbeResult) => void) => void,
): Promise<ProbeResult> {
  const { promise, resolve } = Promise.withResolvers<ProbeResult>();
  const socket = open();
  const timer = setTimeout(() => done(failure("context deadline exceeded")), timeoutMs);
  function done(result: ProbeResult): void {
    clearTimeout(timer);
    socket.destroy();
    resolve(result);
  }
  socket.on("error", (error: NodeJS.ErrnoException) => done(failure(error.code ?? error.message)));
  ask(socket, done);
  return promise;
}
