// One of several processes at a time: leadership by a Lease (coordination.k8s.io/v1), as Kubernetes' own components hold it.

import { messageOf } from "#base/error-message.ts";
import type { KubeClient } from "./client.ts";
import type { Lease } from "./kinds.ts";
import { hasReason } from "./kube-error.ts";
import { leases } from "./resource.ts";
import { microTime } from "./time.ts";

export type LeaderOptions = {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  /** Unlike that of every other candidate: a host's name with something random. */
  readonly identity: string;
  /** A lease that its holder has not renewed for so long is free. */
  readonly leaseMs: number;
  /** How often it is renewed, and asked for. */
  readonly retryMs: number;
  readonly nowMs: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly log: (line: string) => void;
};

/** An API server that has just been started answers soon. */
const unansweredMs = 250;

/** What was last seen of the lease, by our own clock: clocks of others are not trusted. */
type Seen = { readonly revision: string; readonly sinceMs: number };

/**
 * Waits for leadership, then runs `lead` until it is lost or the signal aborts, and begins again, also when `lead` fails: that is logged, and
 * others may try first. `lead` must end soon after its own signal aborts: after `leaseMs` another may lead. The lease is given back at the end.
 */
export async function leadWhile(
  options: LeaderOptions,
  signal: AbortSignal,
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { identity, retryMs, nowMs, sleep, log } = options;
  let seen: Seen | undefined;
  while (!signal.aborted) {
    const askedMs = nowMs();
    const attempt = await tryAcquire(options, seen);
    seen = attempt.seen;
    if (attempt.held) {
      log(`leader: ${identity} leads`);
      await hold(options, askedMs, signal, lead);
      log(`leader: ${identity} leads no more`);
      seen = undefined;
      if (!signal.aborted) await sleep(retryMs, signal);
    } else await sleep(attempt.answered ? retryMs : Math.min(retryMs, unansweredMs), signal);
  }
}

/** `renewedMs`: when the lease was asked for that is held, for nobody knows when in between it was written. */
async function hold(
  options: LeaderOptions,
  renewedMs: number,
  signal: AbortSignal,
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { leaseMs, retryMs, nowMs, sleep, log } = options;
  const term = new AbortController();
  const ended = AbortSignal.any([signal, term.signal]);
  const work = lead(ended)
    .catch((error: unknown) => log(`leader: ${messageOf(error)}`))
    .finally(() => term.abort());
  // Before anybody else may believe the lease to be free.
  let untilMs = renewedMs + leaseMs * (2 / 3);
  while (!ended.aborted) {
    await sleep(retryMs, ended);
    if (ended.aborted) break;
    const askedMs = nowMs();
    // Nothing comes back from a server that is cut off, and the term ends all the same.
    const attempt = await orNothing(tryAcquire(options, undefined), untilMs - askedMs, sleep, ended);
    if (attempt?.held === true) untilMs = askedMs + leaseMs * (2 / 3);
    if ((attempt?.answered === true && !attempt.held) || nowMs() >= untilMs) term.abort();
  }
  await work;
  await release(options);
}

/** Undefined when `ms` go by before, or the signal aborts. */
async function orNothing<T>(
  work: Promise<T>,
  ms: number,
  sleep: LeaderOptions["sleep"],
  signal: AbortSignal,
): Promise<T | undefined> {
  const done = new AbortController();
  try {
    return await Promise.race([work, sleep(ms, AbortSignal.any([signal, done.signal])).then(() => undefined)]);
  } finally {
    done.abort();
  }
}

type Attempt = { readonly held: boolean; readonly answered: boolean; readonly seen: Seen | undefined };

/** Takes or renews the lease if it is ours or free. Never throws: what fails is tried again. */
async function tryAcquire(options: LeaderOptions, seen: Seen | undefined): Promise<Attempt> {
  const { client, namespace, name, identity, leaseMs, nowMs, log } = options;
  try {
    const lease = await client.get(leases, { namespace, name });
    const revision = lease.metadata.resourceVersion ?? "";
    const now = seen?.revision === revision ? seen : { revision, sinceMs: nowMs() };
    const holder = lease.spec?.holderIdentity ?? "";
    const free = holder === "" || nowMs() - now.sinceMs > leaseMs;
    if (holder !== identity && !free) return { held: false, answered: true, seen: now };
    await client.update(leases, { ...lease, spec: specOf(options, holder === identity ? lease : undefined, lease) });
    return { held: true, answered: true, seen: now };
  } catch (error) {
    if (hasReason(error, "NotFound")) return await createLease(options);
    // Somebody else was quicker.
    if (hasReason(error, "Conflict")) return { held: false, answered: true, seen };
    log(`leader: ${messageOf(error)}`);
    return { held: false, answered: false, seen };
  }
}

async function createLease(options: LeaderOptions): Promise<Attempt> {
  const { client, namespace, name, log } = options;
  try {
    await client.create(leases, { metadata: { namespace, name }, spec: specOf(options, undefined, undefined) });
    return { held: true, answered: true, seen: undefined };
  } catch (error) {
    if (!hasReason(error, "AlreadyExists")) log(`leader: ${messageOf(error)}`);
    return { held: false, answered: hasReason(error, "AlreadyExists"), seen: undefined };
  }
}

function specOf(
  { identity, leaseMs, nowMs }: LeaderOptions,
  own: Lease | undefined,
  before: Lease | undefined,
): NonNullable<Lease["spec"]> {
  const now = microTime(nowMs());
  const transitions = before?.spec?.leaseTransitions ?? 0;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(leaseMs / 1000),
    acquireTime: own?.spec?.acquireTime ?? now,
    renewTime: now,
    leaseTransitions: own === undefined && before !== undefined ? transitions + 1 : transitions,
  };
}

/** The next candidate need not wait until the lease runs out. */
async function release(options: LeaderOptions): Promise<void> {
  const { client, namespace, name, identity } = options;
  try {
    const lease = await client.get(leases, { namespace, name });
    if (lease.spec?.holderIdentity !== identity) return;
    await client.update(leases, { ...lease, spec: { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 } });
  } catch {
    // It runs out by itself.
  }
}
