// Fields that are in a text twice.

import { describe, expect, test } from "bun:test";
import { repeatedFields } from "./repeated-fields.ts";

describe("repeatedFields()", () => {
  const rows: readonly (readonly [json: string, paths: readonly string[]])[] = [
    ['{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}', []],
    ['{"a":1,"a":2}', ["a"]],
    ['{"a":1,"a":2,"a":3}', ["a"]],
    ['{"spec":{"c":[{"x":1},{"x":1, "y":[1,2], "x" : {"z":0}}]}}', ["spec.c[1].x"]],
    ['{"a":"a","b":"a","c":["a","a"]}', []],
    ['{"a":{},"a":{"b":1,"b":2}}', ["a", "a.b"]],
    [String.raw`{"a\"":1,"a\\":2,"a\"":3,"\u0061":4,"a":5}`, ['a"', "a"]],
    [String.raw`{"a":"{\"b\":1,\"b\":2","c":"\\"}`, []],
    ['[{"op":"add","op":"remove"}]', ["[0].op"]],
    ['{"__proto__":1,"constructor":2,"__proto__":3}', ["__proto__"]],
    ['"a"', []],
    ["{}", []],
  ];
  for (const [json, paths] of rows) {
    test(json, () => {
      JSON.parse(json);
      expect(repeatedFields(json)).toEqual([...paths]);
    });
  }

  test("tells of a hundred at most", () => {
    const twice = Array.from({ length: 300 }, (_, i) => `"f${i % 150}":0`);
    expect(repeatedFields(`{${twice.join()}}`)).toHaveLength(100);
  });
});
