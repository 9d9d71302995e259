// A leader that hears nothing any more: it must have stopped before anybody else may begin.

import { expect, test } from "bun:test";
import { KubeClient } from "./client.ts";
import { kubeError } from "./kube-error.ts";
import { leadWhile } from "./leader.ts";
import type { Transport } from "./transport.ts";

const leaseMs = 15_000;
const secondMs = 1_000;

/** Time that passes by hand. */
function clock() {
  let nowMs = 1_000_000;
  const sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();
  return {
    nowMs: () => nowMs,
    sleep: (ms: number, signal: AbortSignal) =>
      new Promise<void>((wake) => {
        sleepers.add({ at: nowMs + ms, wake });
        signal.addEventListener("abort", () => wake());
      }),
    async pass(ms: number): Promise<void> {
      nowMs += ms;
      for (const each of sleepers) {
        if (each.at > nowMs) continue;
        sleepers.delete(each);
        each.wake();
      }
      await Bun.sleep(0); // What they do next, as far as it goes by itself.
    },
  };
}

/** An API server with one lease. Once cut off, it takes requests and never answers. */
function server() {
  let lease: object | undefined;
  let isCutOff = false;
  const transport: Transport = {
    request({ method, body }) {
      if (isCutOff) return new Promise(() => {});
      if (method !== "GET") lease = body as object;

      return lease === undefined ? Promise.reject(kubeError("NotFound", "There is no lease")) : Promise.resolve(lease);
    },
    stream: () => {
      throw new Error("No watch is expected");
    },
  };
  return { client: new KubeClient(transport, "test"), cutOff: () => (isCutOff = true) };
}

/** One candidate of a cluster; `isLeading` as its work sees it. */
function candidate(failing = 0) {
  let left = failing;
  const log: string[] = [];
  const time = clock();
  const { client, cutOff } = server();
  const end = new AbortController();
  let isLeading = false;
  const lead = (term: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      if (left-- > 0) return reject(new Error("it cannot be done"));
      isLeading = true;
      term.addEventListener("abort", () => {
        isLeading = false;
        resolve();
      });
    });
  const place = { client, namespace: "kube-system", name: "lead", identity: "one" };
  const ended = leadWhile(
    { ...place, ...time, leaseMs, retryMs: 2 * secondMs, log: (line: string) => log.push(line) },
    end.signal,
    lead,
  );
  return { time, cutOff, ended, stop: () => end.abort(), log, isLeading: () => isLeading };
}

async function passUntil(
  condition: () => boolean,
  limitMs: number,
  pass: (ms: number) => Promise<void>,
): Promise<number> {
  let passedMs = 0;
  for (; !condition() && passedMs < limitMs; passedMs += secondMs) await pass(secondMs);
  return passedMs;
}

test("a leader goes on as long as it is answered, and ends when it is told to", async () => {
  const one = candidate();
  await passUntil(one.isLeading, 5 * secondMs, one.time.pass);
  expect(await passUntil(() => !one.isLeading(), 60 * secondMs, one.time.pass)).toBe(60 * secondMs);
  one.stop();
  await one.ended;
  expect(one.isLeading()).toBe(false);
});

test("a leader whose requests are taken and never answered has stopped before its lease runs out", async () => {
  const one = candidate();
  await passUntil(one.isLeading, 5 * secondMs, one.time.pass);
  one.cutOff();
  expect(await passUntil(() => !one.isLeading(), 60 * secondMs, one.time.pass)).toBeLessThan(leaseMs - 2 * secondMs);
  one.stop();
});

test("a leader whose work fails says why, gives the lease back, and tries again a while later", async () => {
  const one = candidate(2);
  const passedMs = await passUntil(one.isLeading, 60 * secondMs, one.time.pass);
  expect(passedMs).toBeGreaterThanOrEqual(2 * 2 * secondMs);
  const lost = ["leader: one leads", "leader: it cannot be done", "leader: one leads no more"];
  expect(one.log).toEqual([...lost, ...lost, "leader: one leads"]);
  one.stop();
  await one.ended;
});
