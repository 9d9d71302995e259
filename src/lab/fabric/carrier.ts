// Waits until new links carry packets: the kernel puts them into use by a worker of its own, on a busy machine a while after they are up.

import { listLinks } from "#netlink/link.ts";
import type { Stations } from "./apply.ts";
import type { Station } from "./station.ts";

/** IF_OPER_UP (RFC 2863, ifOperStatus) */
const operUp = 6;
/** Loopback and bridges without ports know no such state. */
const operUnknown = 0;
const pollMs = 5;
const patienceMs = 10_000;

/**
 * Resolves when all links of the lab's own are in use; after ten seconds whether they are or not. What nodes made for themselves may
 * never be: a bridge whose pods are gone is up and has no carrier. @throws KernelError
 */
export async function awaitCarrier(
  stations: Stations,
  want: readonly Pick<Station, "path" | "up">[],
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  let waiting = want;
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += pollMs) {
    waiting = waiting.filter(({ path, up: own }) =>
      listLinks(stations.of(path).connection).some(
        ({ index, operstate }) => own.includes(index) && operstate !== operUp && operstate !== operUnknown,
      ),
    );
    if (waiting.length === 0) return;
    await sleep(pollMs);
  }
}
