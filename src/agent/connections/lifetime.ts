// How long a connection is remembered when nothing is heard of it.

import { connectionFlags } from "#datapath/connection-format.ts";

/** Seconds. */
export const lifetimes = {
  /** Two ends may keep a connection of TCP open in silence; keepalives come every two hours. */
  established: 6 * 3600,
  /** The other end has not answered yet. */
  opening: 60,
  /** Both have said that it ends, or one has cut it: last packets may still be on their way. */
  ended: 10,
  /** Of UDP, and of all protocols that are not known better: once answered, it may be a stream. */
  answered: 180,
  unanswered: 60,
  echo: 30,
} as const;

/** IP protocol numbers as the packet path's tuples have them: ICMPv6 is ICMP. */
const icmp = 1;
const tcp = 6;

/** In seconds, by what has been seen of the connection: `connectionFlags`. */
export function lifetimeOf(protocol: number, flags: number): number {
  const { answered, finOpener, finOther, reset } = connectionFlags;
  const isAnswered = (flags & answered) !== 0;
  if (protocol === icmp) return lifetimes.echo;
  if (protocol !== tcp) return isAnswered ? lifetimes.answered : lifetimes.unanswered;
  const both = finOpener | finOther;
  if ((flags & reset) !== 0 || (flags & both) === both) return lifetimes.ended;
  return isAnswered ? lifetimes.established : lifetimes.opening;
}
