// Duplicate keys in JSON texts.
import { expect, test } from "bun:test";
import { duplicateKeys } from "./duplicate-keys.ts";

const rows: readonly (readonly [string, readonly string[]])[] = [
  [`{"a":{"x":1,"x":2}}`, ["x"]],
  [`{"a":{"x":1,"\\u0078":2}}`, ["x"]],
  [`{"a":{"x":{"x":1},"y":[{"x":1},{"x":2}]}}`, []],
  [`{"a":{"x":"x","y":"x"},"a2":{"y":1,"y":2}}`, []],
  [`{"b":{"a":{"x":1,"x":2}}}`, []],
  [`{"a":{"x":"{\\"x\\":1,\\"x\\":2}"}}`, []],
  [`{"a":{ "x" : 1 , "y" : ["x","x"] , "x" : [] }}`, ["x"]],
];
for (const [text, found] of rows) {
  test(`duplicateKeys() finds ${JSON.stringify(found)} under "a" in ${text}`, () => {
    expect(duplicateKeys(text, (path) => path.join("/") === "a")).toEqual(found);
  });
}
