// The packet path for tests of single packets: loaded once a file, with small maps that are emptied for each test.

import type { Datapath } from "#datapath/datapath.ts";
import { ip } from "#net/ip.ts";

/** To make maps as large as a node's takes most of a short test's time. */
export const smallMaps: Readonly<Record<string, number>> = {
  ...{ connections: 4096, translations: 4096, fragments: 512, denials: 512, affinities: 512 },
  ...{ slots: 1024, backends: 1024, frontends: 1024, maglev: 1024, source_ranges: 256, socket_answers: 1024 },
  ...{ identities: 1024, blocks: 1024, policy_sets: 256, list_choices: 1024, lists: 1024 },
};

/** What a program says of a packet (linux/pkt_cls.h: TC_ACT_OK, TC_ACT_SHOT, TC_ACT_REDIRECT). */
export const verdicts: ReadonlyMap<number, string> = new Map([
  [0, "kernel"],
  [2, "drop"],
  [7, "redirect"],
]);

type Emptied = { entries(): Iterable<readonly [unknown, unknown]>; delete(key: never): boolean };

/** Forgets policies, services and connections. */
export function emptyMaps({ policy, services, connections }: Datapath): void {
  for (const map of [policy, services, connections].flatMap((group): Emptied[] => Object.values(group))) {
    for (const [key] of [...map.entries()]) map.delete(key as never);
  }
}

const protocols = { tcp: 6, udp: 17, sctp: 132 } as const;
let lastNumber = 100;

/** One frontend with its backends, each `10.244.0.2:8080`, or `fd00::1 8080` for IPv6; returns the service's number. */
export function serve(
  { services }: Datapath,
  frontend: string,
  protocol: keyof typeof protocols,
  backends: readonly string[],
  flags = 0,
  affinitySeconds = 0,
): number {
  const [service, set] = [++lastNumber, ++lastNumber];
  backends.forEach((backend, slot) => {
    const number = ++lastNumber;
    services.backends.set(number, { ...placeOf(backend), flags: 0, service });
    services.slots.set({ set, slot }, number);
  });
  const choice = { set, count: backends.length, flags };
  const key = { ...placeOf(frontend), protocol: protocols[protocol] };
  services.frontends.set(key, { service, affinitySeconds, inside: choice, outside: choice });
  return service;
}

function placeOf(text: string) {
  const [address = "", port] = text.includes(" ") ? text.split(" ") : text.split(":");
  return { address: ip(address), port: Number(port) };
}
