// The protocols that services have, and their ports.

export type Protocol = "tcp" | "udp" | "sctp";

const protocols: Readonly<Record<string, Protocol>> = { TCP: "tcp", UDP: "udp", SCTP: "sctp" };

/** As Kubernetes writes it: `TCP`. */
export function protocolOf(word: string): Protocol | undefined {
  return protocols[word];
}

/** A port that packets can carry: 0 is none. */
export function portOf(port: number): number | undefined {
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
}
