// Many pods on one node: all wired, several calls at a time, then all removed.

import { Netns as KernelNetns } from "#kernel/netns.ts";
import { Connection } from "#netlink/connection.ts";
import { listLinks } from "#netlink/link.ts";
import type { Netns, Sandbox } from "#test/sandbox.ts";
import { type Contestant, call } from "./contestant.ts";
import { Driver } from "./driver.ts";

/** Kubelets of busy nodes start so many pods at the same time. */
const callsAtOnce = 8;
const pollMs = 2;
const patienceMs = 60_000;

export type CrowdTimes = { readonly addMs: number; readonly delMs: number };

/**
 * Wires all of `pods` and removes them again, each by a process as a runtime starts it. Their removal ends when the node's kernel has no
 * link of theirs any more: a DEL may answer before.
 */
export async function timeCrowd(
  { box, node, pods }: { readonly box: Sandbox; readonly node: Netns; readonly pods: readonly Netns[] },
  side: Contestant,
  conf: Readonly<Record<string, unknown>>,
): Promise<CrowdTimes> {
  await using stack = new AsyncDisposableStack();
  const drivers = Array.from({ length: callsAtOnce }, () => stack.use(new Driver(box, node)));
  using netns = new KernelNetns(node.path);
  using kernel = new Connection("route", netns);
  const links = () => listLinks(kernel).filter(({ info }) => info?.kind === "veth").length;
  const before = links();
  const callAll = async (verb: "ADD" | "DEL") => {
    const waiting = pods.entries();
    const work = async (driver: Driver) => {
      for (const [i, { path }] of waiting) {
        await call(driver, side, verb, { containerId: `many${i}`, netns: path }, conf);
      }
    };
    await Promise.all(drivers.map(work));
  };
  const addMs = await timed(() => callAll("ADD"));
  const delMs = await timed(async () => {
    await callAll("DEL");
    for (const end = performance.now() + patienceMs; links() > before; await Bun.sleep(pollMs)) {
      if (performance.now() > end) throw new Error(`${links() - before} links are still there after the last DEL`);
    }
  });
  return { addMs, delMs };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
