// The machine as a long-running process of ours sees it: connections that stay open, links removed in groups, leases kept.

import { defaultTiming } from "#plugins/dhcp/backoff.ts";
import { LeaseKeeper } from "#plugins/dhcp/lease-keeper.ts";
import { recordsOfService } from "#plugins/dhcp/plugin.ts";
import { ownDelegates } from "#plugins/dispatch.ts";
import { type Host, OpenHost } from "#plugins/host.ts";
import { SweepingRemover } from "#plugins/link-remover.ts";
import { steadyNow } from "./steady-clock.ts";

/** A container runtime gives up after a few minutes: a pod without a DHCP server is told well before. */
const dhcpTiming = { ...defaultTiming, totalMs: 60_000 };

export class ServiceHost implements Disposable {
  readonly host: OpenHost;
  /** Started only when the socket is ours: a second service must not renew the first one's leases. */
  readonly leases: LeaseKeeper;
  readonly #stack = new DisposableStack();

  constructor(runDir: string, log: (line: string) => void) {
    const clock = { now: steadyNow, sleep: (ms: number) => Bun.sleep(ms) };
    const random = (bytes: Uint8Array) => crypto.getRandomValues(bytes);
    const dir = recordsOfService(runDir);
    this.leases = this.#stack.use(new LeaseKeeper({ ...clock, random, dir, log, timing: dhcpTiming }));
    const setTimer = (run: () => void, ms: number) => {
      setTimeout(run, ms);
    };
    const remover = this.#stack.use(new SweepingRemover(setTimer));
    const delegates = ownDelegates((): Host => this.host);
    this.host = this.#stack.use(new OpenHost({ ...clock, runDir, leases: this.leases, random, delegates, remover }));
    // What a killed predecessor had marked.
    remover.sweep(undefined);
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}
