// What is shown of commands fits the terminal and leaves nothing out that says something.
import { describe, expect, test } from "bun:test";
import { narrowTable, paintFor, Transcript, wrapLines } from "./transcript.ts";

describe("narrowTable()", () => {
  const rows: readonly (readonly [what: string, table: readonly string[], narrow: readonly string[]])[] = [
    [
      "drops last columns that say nothing",
      ["NAME  READY STATUS  NOMINATED NODE  READINESS GATES", "a     1/1           <none>          <none>"],
      ["NAME  READY STATUS", "a     1/1"],
    ],
    [
      "keeps a column that one row fills",
      ["NAME  NODE    GATES", "a     <none>  <none>", "b     node1   <none>"],
      ["NAME  NODE", "a     <none>", "b     node1"],
    ],
    ["keeps the first column", ["NAME", "<none>"], ["NAME", "<none>"]],
    ["says what a server without rows says", ["No resources found"], ["No resources found"]],
  ];
  for (const [what, table, narrow] of rows) {
    test(what, () => {
      expect(narrowTable(`${table.join("\n")}\n`).split("\n")).toEqual([...narrow]);
    });
  }
});

describe("wrapLines()", () => {
  const rows: readonly (readonly [text: string, width: number, lines: readonly string[]])[] = [
    ["a,b", 10, ["a,b"]],
    ["aaa,bbb,ccc", 8, ["aaa,bbb,", "ccc"]],
    ["aaa, bbb", 5, ["aaa,", "bbb"]],
    ["aaaaaa", 4, ["aaaa", "aa"]],
    ["a\n", 4, ["a"]],
    ["a b\n\n  cc dd ee", 8, ["a b", "", "  cc dd", "  ee"]],
  ];
  for (const [text, width, lines] of rows) {
    test(`${JSON.stringify(text)} in ${width} columns`, () => {
      expect(wrapLines(text, width).split("\n")).toEqual([...lines]);
    });
  }
});

describe("paintFor()", () => {
  const rows: readonly (readonly [isTTY: boolean, env: NodeJS.ProcessEnv, text: string])[] = [
    [true, {}, "\x1b[1mx\x1b[0m"],
    [true, { NO_COLOR: "1" }, "x"],
    [true, { TERM: "dumb" }, "x"],
    [false, {}, "x"],
  ];
  for (const [isTTY, env, text] of rows) {
    test(`${isTTY ? "a terminal" : "a pipe"} with ${JSON.stringify(env)}`, () => {
      expect(paintFor({ isTTY }, env).bold("x")).toBe(text);
    });
  }
});

describe("Transcript", () => {
  const plain = paintFor({}, {});

  test("a command that fails says which and how", async () => {
    const show = new Transcript(plain, new AbortController().signal);
    const failed = await show.ask(["sh", "-c", "exit 3"]).catch(String);
    expect(failed).toBe("Error: sh -c 'exit 3' failed with exit code 3");
  });

  test("an interruption ends the command that runs, and lets no other begin", async () => {
    const interrupted = new AbortController();
    const show = new Transcript(plain, interrupted.signal);
    setTimeout(() => interrupted.abort(new Error("interrupted")), 20);
    expect(await show.ask(["sleep", "30"]).catch(String)).toBe("Error: interrupted");
    expect(await show.ask(["true"]).catch(String)).toBe("Error: interrupted");
  });
});
