// The connections of a probe: who calls whom how, as the lines that twill-pod takes, and what it says of them.

import type { Destination, ProbeProtocol, Source } from "./cast.ts";

/** How a connection ended; `twill-pod probe` tells what each means (pod/probe.c). */
export type Result = "open" | "refused" | "unreachable" | "silent" | "unknown" | "unresolved";

export type Attempt = {
  readonly from: Source;
  readonly to: Destination;
  readonly host: string;
  readonly port: number;
};

export type Outcome = Attempt & { readonly result: Result; readonly ms: number; readonly address: string | undefined };

/** All attempts of one source. */
export function attemptsFrom(from: Source, destinations: readonly Destination[]): readonly Attempt[] {
  return destinations.flatMap((to) => {
    const host = to.hosts[from.kind];
    return host === undefined ? [] : [{ from, to, host: host.host, port: host.port ?? to.port }];
  });
}

/** `tcp 10.244.1.7 8080` */
export function formatAttempt({ to, host, port }: Attempt): string {
  return `${to.protocol} ${host} ${port}\n`;
}

/** Reads a line of answers: `0 open 1189 10.244.0.2`. Undefined for one that is none. */
export function parseOutcome(line: string, attempts: readonly Attempt[]): Outcome | undefined {
  const [number = "", result = "", microseconds = "", address = ""] = line.split(" ");
  const attempt = attempts[Number(number)];
  const known = results.find((each) => each === result);
  if (attempt === undefined || known === undefined) return undefined;
  return { ...attempt, result: known, ms: Number(microseconds) / 1000, address: address === "-" ? undefined : address };
}

const results: readonly Result[] = ["open", "refused", "unreachable", "silent", "unknown", "unresolved"];

/** The outcome for programs, without what only this program needs. */
export type OutcomeReport = {
  readonly from: string;
  readonly to: string;
  readonly kind: Destination["kind"];
  readonly protocol: ProbeProtocol;
  readonly host: string;
  readonly port: number;
  readonly address: string | undefined;
  readonly result: Result;
  readonly ms: number;
};

export function reportOf({ from, to, host, port, address, result, ms }: Outcome): OutcomeReport {
  return { from: from.name, to: to.name, kind: to.kind, protocol: to.protocol, host, port, address, result, ms };
}
