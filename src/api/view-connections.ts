// Connections of a node's pods, as the packet path has written them down, for whoever asks the agent.

import type { Agent } from "#agent/main.ts";
import { Reader } from "#codec/codec.ts";
import { connectionFlags, connectionsFormat } from "#datapath/connection-format.ts";
import type { ConnectionMaps } from "#datapath/connections.ts";
import { monotonicSeconds } from "#kernel/monotonic-clock.ts";
import type { ConnectionMessage, ConnectionsMessage } from "./messages.ts";

/** Beyond these many the newest are told. */
const maxConnections = 10_000;

const protocols: ReadonlyMap<number, ConnectionMessage["protocol"]> = new Map([
  [1, "icmp"],
  [6, "tcp"],
  [17, "udp"],
  [132, "sctp"],
]);

/** Those of which something was seen in the last `seconds`, the newest first. */
export function viewConnections({ datapath, policies }: Agent, seconds: number): ConnectionsMessage {
  const cutsEstablished = policies?.policies.cutsEstablished ?? false;
  if (datapath === undefined) return { connections: null, cutsEstablished };
  const now = monotonicSeconds();
  const found = [...recent(datapath.connections.connections, now, seconds)];
  const connections = found.sort((a, b) => a.idleSeconds - b.idleSeconds).slice(0, maxConnections);
  return { connections, cutsEstablished };
}

function* recent(map: ConnectionMaps["connections"], now: number, seconds: number): Generator<ConnectionMessage> {
  const { keySize, valueSize, key, value } = connectionsFormat;
  for (const { count, keys, values } of map.batches()) {
    for (let index = 0; index < count; index++) {
      const entry = value.decode(new Reader(values.subarray(index * valueSize, (index + 1) * valueSize)));
      if (now - entry.seen > seconds) continue;
      const ends = key.decode(new Reader(keys.subarray(index * keySize, (index + 1) * keySize)));
      const source = { address: ends.source, port: ends.sourcePort };
      const destination = { address: ends.destination, port: ends.destinationPort };
      const exchanged = (entry.flags & connectionFlags.exchanged) !== 0;
      yield {
        protocol: protocols.get(ends.protocol) ?? ends.protocol,
        from: exchanged ? destination : source,
        to: exchanged ? source : destination,
        answered: (entry.flags & connectionFlags.answered) !== 0,
        ageSeconds: Math.max(0, now - entry.opened),
        idleSeconds: Math.max(0, now - entry.seen),
      };
    }
  }
}
