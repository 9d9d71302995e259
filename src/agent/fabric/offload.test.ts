// What follows from answers, what is remembered of it, and what is no question.
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StateStore } from "#agent/state/store.ts";
import { ip } from "#net/ip.ts";
import { type Answers, judgeAnswers } from "./offload.ts";
import { storedOffload } from "./offload-memory.ts";
import { decodeProbe, encodeProbe, type ProbeMessage } from "./probe-message.ts";

describe("checksums of devices", () => {
  const rows: readonly (readonly [Answers, ReturnType<typeof judgeAnswers>])[] = [
    [{ device: 1, none: 1 }, "right"],
    [{ device: 1, none: 0 }, "right"],
    [{ device: 0, none: 5 }, "wrong"],
    [{ device: 0, none: 4 }, "wrong"],
    [{ device: 0, none: 3 }, "unknown"],
    [{ device: 0, none: 0 }, "unknown"],
  ];
  for (const [answers, found] of rows) {
    test(`are ${found} when ${answers.device} came back with one, ${answers.none} without`, () => {
      expect(judgeAnswers(answers)).toBe(found);
    });
  }

  test("that were found wrong, or are being looked at, are known to the next agent", () => {
    const folder = mkdtempSync(join(tmpdir(), "twill-offload-"));
    try {
      const path = join(folder, "agent.db");
      for (const [before, after] of [
        ["devices", "trying"],
        ["trying", "kernel"],
        ["kernel", "devices"],
      ] as const) {
        using store = new StateStore(path);
        const memory = storedOffload(store);
        expect(memory.checksums()).toBe(before);
        memory.setChecksums(after);
        expect(memory.checksums()).toBe(after);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("a question between nodes", () => {
  const messages: readonly ProbeMessage[] = [
    { kind: "ask", token: "0011223344556677", from: ip("172.30.0.11") },
    { kind: "answer", token: "ffeeddccbbaa9988", from: ip("fd00:30::11") },
  ];
  for (const message of messages) {
    test(`goes both ways: ${message.kind} from ${message.from}`, () => {
      expect(decodeProbe(encodeProbe(message))).toEqual(message);
    });
  }

  const bytes = encodeProbe({ kind: "ask", token: "0011223344556677", from: ip("172.30.0.11") });
  const others: readonly (readonly [what: string, bytes: Uint8Array])[] = [
    ["a short one", bytes.subarray(1)],
    ["a longer one", new Uint8Array([...bytes, 0])],
    ["another protocol's", bytes.with(0, 1)],
    ["an unknown kind", bytes.with(7, 9)],
  ];
  for (const [what, other] of others) test(`is not ${what}`, () => expect(decodeProbe(other)).toBeUndefined());
});
