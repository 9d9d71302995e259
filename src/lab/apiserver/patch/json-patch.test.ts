// The examples of RFC 6902, appendix A, and what its section 4 forbids.
import { describe, expect, test } from "bun:test";
import { thrownBy } from "#test/thrown.ts";
import { jsonPatch } from "./json-patch.ts";

// RFC 6902, appendix A, and the rules of its section 4.
const rows: readonly (readonly [what: string, document: string, patch: string, result: string])[] = [
  ["A.1 adds a field", '{"foo":"bar"}', '[{"op":"add","path":"/baz","value":"qux"}]', '{"foo":"bar","baz":"qux"}'],
  [
    "A.2 adds an item",
    '{"foo":["bar","baz"]}',
    '[{"op":"add","path":"/foo/1","value":"qux"}]',
    '{"foo":["bar","qux","baz"]}',
  ],
  ["A.3 removes a field", '{"baz":"qux","foo":"bar"}', '[{"op":"remove","path":"/baz"}]', '{"foo":"bar"}'],
  ["A.4 removes an item", '{"foo":["bar","qux","baz"]}', '[{"op":"remove","path":"/foo/1"}]', '{"foo":["bar","baz"]}'],
  [
    "A.5 replaces",
    '{"baz":"qux","foo":"bar"}',
    '[{"op":"replace","path":"/baz","value":"boo"}]',
    '{"baz":"boo","foo":"bar"}',
  ],
  [
    "A.6 moves a field",
    '{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}',
    '[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]',
    '{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}',
  ],
  [
    "A.7 moves an item",
    '{"foo":["all","grass","cows","eat"]}',
    '[{"op":"move","from":"/foo/1","path":"/foo/3"}]',
    '{"foo":["all","cows","eat","grass"]}',
  ],
  [
    "A.8 tests",
    '{"baz":"qux","foo":["a",2,"c"]}',
    '[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]',
    '{"baz":"qux","foo":["a",2,"c"]}',
  ],
  [
    "A.10 adds a nested object",
    '{"foo":"bar"}',
    '[{"op":"add","path":"/child","value":{"grandchild":{}}}]',
    '{"foo":"bar","child":{"grandchild":{}}}',
  ],
  [
    "A.11 ignores unknown members",
    '{"foo":"bar"}',
    '[{"op":"add","path":"/baz","value":"qux","xyz":123}]',
    '{"foo":"bar","baz":"qux"}',
  ],
  ["A.14 unescapes ~", '{"/":9,"~1":10}', '[{"op":"test","path":"/~01","value":10}]', '{"/":9,"~1":10}'],
  [
    "A.16 appends",
    '{"foo":["bar"]}',
    '[{"op":"add","path":"/foo/-","value":["abc","def"]}]',
    '{"foo":["bar",["abc","def"]]}',
  ],
  [
    "copies",
    '{"a":[1]}',
    '[{"op":"copy","from":"/a","path":"/b"},{"op":"add","path":"/b/-","value":2}]',
    '{"a":[1],"b":[1,2]}',
  ],
  ["replaces the whole", '{"a":1}', '[{"op":"replace","path":"","value":[]}]', "[]"],
  ["adds over an existing field", '{"a":1}', '[{"op":"add","path":"/a","value":2}]', '{"a":2}'],
  ["adds at a list's end", "[1]", '[{"op":"add","path":"/1","value":2}]', "[1,2]"],
  ["adds a null", "{}", '[{"op":"add","path":"/a","value":null}]', '{"a":null}'],
  ["reaches an empty name", '{"":1}', '[{"op":"replace","path":"/","value":2}]', '{"":2}'],
  ["moves a field onto itself", '{"a":1}', '[{"op":"move","from":"/a","path":"/a"}]', '{"a":1}'],
  ["takes __proto__ as a name", "{}", '[{"op":"add","path":"/__proto__","value":1}]', '{"__proto__":1}'],
];

const refused: readonly (readonly [what: string, document: string, patch: string, code: string])[] = [
  ["A.9 a failed test", '{"baz":"qux"}', '[{"op":"test","path":"/baz","value":"bar"}]', "Invalid"],
  ["A.12 a target without parent", '{"foo":"bar"}', '[{"op":"add","path":"/baz/bat","value":"qux"}]', "Invalid"],
  ["A.15 a string for a number", '{"/":9,"~1":10}', '[{"op":"test","path":"/~01","value":"10"}]', "Invalid"],
  ["an item beyond the end", "[1]", '[{"op":"add","path":"/2","value":2}]', "Invalid"],
  ["a leading zero", "[1,2]", '[{"op":"remove","path":"/01"}]', "Invalid"],
  ["removing what is not there", "{}", '[{"op":"remove","path":"/a"}]', "Invalid"],
  ["removing past the end", "[1]", '[{"op":"remove","path":"/-"}]', "Invalid"],
  ["replacing what is not there", "{}", '[{"op":"replace","path":"/a","value":1}]', "Invalid"],
  ["a move into itself", '{"a":{"b":1}}', '[{"op":"move","from":"/a","path":"/a/b"}]', "Invalid"],
  ["an inherited name", "{}", '[{"op":"remove","path":"/toString"}]', "Invalid"],
  ["fields of a string", '{"a":"b"}', '[{"op":"add","path":"/a/b","value":1}]', "Invalid"],
  ["no list", "{}", "{}", "BadRequest"],
  ["an unknown op", "{}", '[{"op":"spam","path":"/a"}]', "BadRequest"],
  ["no value", "{}", '[{"op":"add","path":"/a"}]', "BadRequest"],
  ["no path", "{}", '[{"op":"add","value":1}]', "BadRequest"],
  ["a relative path", "{}", '[{"op":"add","path":"a","value":1}]', "BadRequest"],
  ["a bad escape", "{}", '[{"op":"add","path":"/a~2","value":1}]', "BadRequest"],
];

describe("jsonPatch()", () => {
  for (const [what, document, patch, result] of rows) {
    test(what, () => {
      expect(JSON.stringify(jsonPatch(JSON.parse(document), JSON.parse(patch)))).toBe(result);
    });
  }

  for (const [what, document, patch, code] of refused) {
    test(`refuses ${what}`, () => {
      const before = JSON.parse(document);
      expect(thrownBy(() => jsonPatch(before, JSON.parse(patch)))).toMatchObject({ code });
      expect(JSON.stringify(before)).toBe(JSON.stringify(JSON.parse(document)));
    });
  }
});
