// The service proxy of a node: follows the cluster's services and keeps the node's table as they want it.
//
//   cluster view ──service changed──► frontends ─► elements ─► claims ─► changes ─► nftables
//                                         └──► what is stale ─► tracked connections

import { messageOf } from "#base/error-message.ts";
import type { Netns } from "#kernel/netns.ts";
import type { ClusterView } from "#lab/cluster-view.ts";
import { ElementClaims, showChange } from "./claims.ts";
import { elementsOf } from "./element.ts";
import { type Frontend, frontendsOf } from "./frontend.ts";
import type { NodeSide } from "./node-side.ts";
import { NodeTables } from "./node-tables.ts";
import { type Stale, showStale, staleOf } from "./stale.ts";

export type ServiceProxyOptions = {
  readonly view: ClusterView;
  readonly side: NodeSide;
  readonly log: (line: string) => void;
  /** The node's network; the process's own unless given. */
  readonly netns?: Netns;
};

/** A rollout changes a slice many times a second: what comes together is done together. */
const settleMs = 10;
const retryMs = 1000;
/** Changes that are told one by one; more are told by their number. */
const maxShown = 20;

/** Runs from its making until it is disposed; the table stays, so that services go on without it. @throws KernelError without nftables */
export function startServiceProxy({ view, side, log, netns }: ServiceProxyOptions): Disposable {
  const tables = new NodeTables(side, netns);
  const claims = new ElementClaims();
  const served = new Map<string, readonly Frontend[]>();
  const dirty = new Set<string>();
  /** What is still to be forgotten, also when a round fails. */
  let stale: readonly Stale[] = [];
  let sticky = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let synced = false;
  let ended = false;

  function wake(inMs: number): void {
    if (synced && !ended) timer ??= setTimeout(run, inMs);
  }

  function run(): void {
    timer = undefined;
    try {
      update();
    } catch (error) {
      log(`Cannot serve services: ${messageOf(error)}`);
      wake(retryMs);
    }
  }

  function update(): void {
    const changes = [...dirty].flatMap((name) => {
      const service = view.service(name);
      const before = served.get(name) ?? [];
      const after = service === undefined ? [] : frontendsOf(service, view.slicesOf(name), side);
      if (after.length === 0) served.delete(name);
      else served.set(name, after);
      stale = [...stale, ...staleOf(before, after)];
      sticky ||= before.some(({ affinitySeconds }) => affinitySeconds !== undefined);
      return claims.replace(name, after.flatMap(elementsOf));
    });
    dirty.clear();
    if (tables.known) tables.apply(changes);
    else tables.replace(claims.all());
    // Only now: a datagram in between would be remembered with the old target again.
    tables.forget(stale, sticky);
    if (changes.length > maxShown) log(`services: ${changes.length} changes`);
    else for (const change of changes) log(`services: ${showChange(change)}`);
    for (const each of stale.slice(0, maxShown)) log(`services: forget ${showStale(each)}`);
    stale = [];
    sticky = false;
  }

  const unsubscribe = view.subscribe((name) => {
    dirty.add(name);
    wake(settleMs);
  });
  void view.synced.then(() => {
    synced = true;
    for (const name of view.services) dirty.add(name);
    wake(0);
  });
  return {
    [Symbol.dispose]() {
      ended = true;
      clearTimeout(timer);
      unsubscribe();
      tables[Symbol.dispose]();
    },
  };
}
