// A delay line by a clock that is moved by hand.

import { describe, expect, test } from "bun:test";
import { DelayLine, maxWaitingBytes } from "./delay-line.ts";

function line(delayMs: number) {
  let nowMs = 0;
  let timers: { readonly atMs: number; readonly run: () => void }[] = [];
  const sent: string[] = [];
  const delayLine = new DelayLine({
    delayMs,
    nowMs: () => nowMs,
    setTimer: (run, ms) => timers.push({ atMs: nowMs + ms, run }),
    send: (frame) => sent.push(`${nowMs}:${frame.length}`),
  });
  return {
    sent,
    put: (length: number) => delayLine.put(new Uint8Array(length)),
    advance(ms: number) {
      nowMs += ms;
      const due = timers.filter(({ atMs }) => atMs <= nowMs);
      timers = timers.filter(({ atMs }) => atMs > nowMs);
      for (const { run } of due) run();
    },
  };
}

describe("a delay line", () => {
  test("gives frames back in order, each at its time", () => {
    const { put, advance, sent } = line(20);
    put(1);
    put(2);
    advance(5);
    put(3);
    advance(14);
    expect(sent).toEqual([]);
    advance(1);
    expect(sent).toEqual(["20:1", "20:2"]);
    advance(5);
    expect(sent).toEqual(["20:1", "20:2", "25:3"]);
  });

  test("loses what does not fit, and takes more once there is room", () => {
    const { put, advance, sent } = line(10);
    expect(put(maxWaitingBytes)).toBe(true);
    expect(put(1)).toBe(false);
    advance(10);
    expect(put(1)).toBe(true);
    expect(sent).toEqual([`10:${maxWaitingBytes}`]);
  });
});
