// A line of a container's log file: `TIME stdout F text`, with P instead of F for a piece of a line that goes on in the next one.

export type CriLine = {
  /** RFC 3339, in UTC. */
  readonly time: string;
  readonly stream: "stdout" | "stderr";
  readonly whole: boolean;
  /** Bytes as the container wrote them, which need not be text. */
  readonly text: Uint8Array;
};

/** A time with nine digits of fractions, the longer stream's name, and the tag. */
export const maxHeadBytes = 64;

/** From a line without its line feed, or from as much of it as its head; undefined for what is no such line. */
export function parseCriLine(line: Uint8Array): CriLine | undefined {
  const head = Buffer.from(line.buffer, line.byteOffset, Math.min(line.length, maxHeadBytes)).toString("latin1");
  const match = /^(\S+) (stdout|stderr) ([FP])(?: |$)/.exec(head);
  if (match === null) return undefined;
  const [whole, time = "", stream, tag] = match;
  return {
    time,
    stream: stream === "stderr" ? "stderr" : "stdout",
    whole: tag === "F",
    text: line.subarray(whole.length),
  };
}
