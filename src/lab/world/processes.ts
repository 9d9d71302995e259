// Starts the services that a lab lacks, and waits until they answer.

import { mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { livingIn, removeGroup } from "#lab/cgroup.ts";
import { LabError } from "#lab/spec.ts";
import { holderOf } from "./holders.ts";
import { launch, nameOfStation } from "./launch.ts";
import type { Installation, Places } from "./places.ts";
import type { Service } from "./services.ts";

export function isRunning({ cgroup }: Pick<Service, "cgroup">): boolean {
  return livingIn(cgroup).length > 0;
}

/** Starts those that do not run and returns them. @throws LabError */
export async function startServices(
  places: Places,
  { pod }: Installation,
  services: readonly Service[],
  sleep: (ms: number) => Promise<void>,
): Promise<readonly Service[]> {
  const missing = services.filter((service) => !isRunning(service));
  await Promise.all(
    missing.map(async ({ name, station, cgroup, log, argv, enters }) => {
      // One that was killed holds its ports and files until the kernel is done with it.
      await removeGroup(cgroup, sleep);
      mkdirSync(dirname(log), { recursive: true });
      const holder = holderOf(places, station);
      if (holder === undefined)
        throw new LabError(`Cannot start ${name} of ${nameOfStation(station)}: its namespaces are gone`);
      const where = enters ? { enter: holder } : {};
      await launch(pod, `${name} of ${nameOfStation(station)}`, { cgroup, log, argv, ...where });
    }),
  );
  return missing;
}

const lastLines = 3;

/**
 * Asks until the answer is yes.
 * @throws LabError with the end of the service's log when it has died, or when the time is over.
 */
export async function awaitService(
  service: Service,
  ready: () => Promise<boolean>,
  {
    limitMs,
    stepMs,
    sleep,
  }: { readonly limitMs: number; readonly stepMs: number; readonly sleep: (ms: number) => Promise<void> },
): Promise<void> {
  const what = `${service.name} of ${nameOfStation(service.station)}`;
  for (let waitedMs = 0; !(await ready()); waitedMs += stepMs) {
    if (!isRunning(service)) throw new LabError(`Cannot go on: ${what} has ended; ${endOf(service.log)}`);
    if (waitedMs >= limitMs) {
      throw new LabError(`Cannot go on: ${what} does not answer after ${limitMs / 1000} s; ${endOf(service.log)}`);
    }
    await sleep(stepMs);
  }
}

function endOf(log: string): string {
  const lines = readFileSync(log, "utf8").trim().split("\n").slice(-lastLines).filter(Boolean);
  return lines.length === 0 ? `${log} is empty` : `${log} ends with: ${lines.join(" / ")}`;
}
