// What YAML means here: what it means to kubectl.

import { describe, expect, test } from "bun:test";
import { thrownBy } from "#test/thrown.ts";
import { messageOf } from "./error-message.ts";
import { formatYaml, parseYaml, parseYamlDocuments } from "./yaml.ts";

describe("parseYaml()", () => {
  // As kubectl 1.33 shows them with `create --dry-run=client -o json`.
  const scalars: readonly (readonly [text: string, value: unknown])[] = [
    ["yes", true],
    ["on", true],
    ["y", true],
    ["No", false],
    ["TRUE", true],
    ["tRUE", "tRUE"],
    ["010", 8],
    ["0644", 420],
    ["-010", -8],
    ["0o10", 8],
    ["0O7", 7],
    ["0o8", "0o8"],
    ["08", 8],
    ["00", 0],
    ["-0", 0],
    ["0b11", 3],
    ["0x1F", 31],
    ["+0x10", 16],
    ["0x_1", 1],
    ["1_000", 1000],
    ["1_0.5", 10.5],
    ["1_", 1],
    ["_1", "_1"],
    [".5", 0.5],
    ["-.5", -0.5],
    ["1.", 1],
    ["1e3", 1000],
    [".1e2", 10],
    ["12:30:45", "12:30:45"],
    ["2001-01-01", "2001-01-01"],
    ["10.0.0.1", "10.0.0.1"],
    ["~", null],
    ["Null", null],
    ["", null],
    ["'yes'", "yes"],
    ["=", "="],
    ["!!str 5", "5"],
    ['!!int "7"', 7],
    ["123456789012345678901234", 1.2345678901234569e23],
    // kubectl refuses these: there is no such number in JSON.
    [".inf", ".inf"],
    ["1e400", "1e400"],
  ];
  for (const [text, value] of scalars) {
    test(`${JSON.stringify(text)} is ${JSON.stringify(value)}`, () => {
      expect(parseYaml(`a: ${text}`)).toEqual({ a: value });
      expect(Object.is((parseYaml(`a: ${text}`) as { a: unknown }).a, value)).toBe(true);
    });
  }

  test("keys are texts, and a mapping may take others in", () => {
    expect(parseYaml("1: a\nyes: b\n__proto__: {c: 1}")).toEqual(
      JSON.parse('{"1":"a","true":"b","__proto__":{"c":1}}'),
    );
    expect(parseYaml("p: &p {a: 1, b: 1}\nq:\n  <<: *p\n  a: 2")).toEqual({ p: { a: 1, b: 1 }, q: { a: 2, b: 1 } });
  });

  const faults: readonly (readonly [text: string, fault: string])[] = [
    ["a: 1\nb: 2\na: 3\n", 'key "a" is in line 3 for the second time: remove one of the two'],
    ["a: 1\r\nb: {c: 1,\r\n  c: 2}", 'key "c" is in line 3 for the second time: remove one of the two'],
    ['{"a":1,"a":2}', 'key "a" is in line 1 for the second time: remove one of the two'],
    ["- {\"x y\": 1, 'x y': 2}", 'key "x y" is in line 1 for the second time: remove one of the two'],
    ["1: a\n'1': b", 'key "1" is in line 2 for the second time: remove one of the two'],
    ["a: 'x", "it is no YAML, unexpected end of the stream within a single quoted scalar in line 1"],
    ["a: 1\na: 2\nb: *c", 'it is no YAML, unidentified alias "c" in line 3'],
    ["a: 1\n\tb: 2", "it is no YAML, tab characters must not be used in indentation in line 2"],
    ["[".repeat(100_000), "it is no YAML, nesting exceeded maxDepth (500) in line 1"],
    ["a: 1\n---\nb: 2", "it has 2 documents: leave one, without --- lines"],
  ];
  for (const [text, fault] of faults) {
    test(`tells of ${JSON.stringify(text.slice(0, 30))}`, () => {
      expect(messageOf(thrownBy(() => parseYaml(text)))).toBe(fault);
    });
  }
});

describe("parseYamlDocuments()", () => {
  test("gives each, the empty ones as null, and none for nothing", () => {
    expect(parseYamlDocuments("a: 1\n---\n---\n- b\n").documents).toEqual([{ a: 1 }, null, ["b"]]);
    expect(parseYamlDocuments("# nothing\n").documents).toEqual([]);
  });

  test("takes the last value of a key that is there twice, and tells of the first such key", () => {
    const text = "a: 1\n---\nx: {b: 1, b: 2}\nz: {c: 1, c: 2}\n";
    expect(parseYamlDocuments(text)).toEqual({
      documents: [{ a: 1 }, { x: { b: 2 }, z: { c: 2 } }],
      repeated: { key: "b", line: 3 },
    });
  });
});

describe("formatYaml()", () => {
  test("is read as what was written", () => {
    const texts = [
      "yes",
      "on",
      "010",
      "1_000",
      "0b1",
      "~",
      "",
      "12:30",
      "2001-01-01",
      "- a",
      "a: b",
      "x\ny\n",
      " a",
      "<<",
      "=",
      "é",
    ];
    const value = { texts, yes: 1, on: true, "1": null, inner: { list: [], none: {}, deep: [{ a: 1.5 }] } };
    expect(parseYaml(formatYaml(value))).toEqual(value);
    expect(formatYaml({ a: "x", b: undefined, c: ["yes"] })).toBe('a: x\nc:\n  - "yes"\n');
  });

  test("writes shared values out", () => {
    const shared = { a: 1 };
    expect(formatYaml([shared, shared])).toBe("- a: 1\n- a: 1\n");
  });
});
