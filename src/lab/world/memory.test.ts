// What is said when there is too little memory.

import { describe, expect, test } from "bun:test";
import { memoryProblem } from "./memory.ts";

function meminfo(mib: number): string {
  return `MemTotal:       99999999 kB\nMemFree:          111111 kB\nMemAvailable:   ${mib * 1024} kB\n`;
}

describe("memoryProblem()", () => {
  test("says what a new lab needs and what there is", () => {
    expect(memoryProblem(3, true, meminfo(200))).toBe(
      "Cannot start 3 nodes: they need 330 MB of memory, and 200 MB are free; ask for fewer with --nodes",
    );
  });
  test("is content with enough, and where the kernel does not tell", () => {
    expect(memoryProblem(3, true, meminfo(330))).toBeUndefined();
    expect(memoryProblem(3, false, meminfo(180))).toBeUndefined();
    expect(memoryProblem(3, true, "")).toBeUndefined();
  });
});
