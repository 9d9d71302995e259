// Label and field selectors: text, object form, matching.

import { describe, expect, test } from "bun:test";
import { thrownBy } from "#test/thrown.ts";
import {
  formatLabelSelector,
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  selectorOf,
} from "./selector.ts";

describe("parseLabelSelector()", () => {
  const web = { app: "web", tier: "front", "example.com/zone": "a" };
  const rows: readonly (readonly [text: string, canonical: string, matchesWeb: boolean])[] = [
    ["", "", true],
    ["app=web", "app=web", true],
    ["app==web", "app=web", true],
    ["app=db", "app=db", false],
    ["app!=db", "app!=db", true],
    ["none!=db", "none!=db", true],
    ["app in (web, db),tier", "app in (web,db),tier", true],
    ["app notin (web)", "app!=web", false],
    ["none notin (a,b)", "none notin (a,b)", true],
    ["example.com/zone=a", "example.com/zone=a", true],
    ["!app", "!app", false],
    ["! none", "!none", true],
    ["app=", "app=", false],
    ["none in (,x)", "none in (,x)", false],
    [" app = web , tier = front ", "app=web,tier=front", true],
    ["toString", "toString", false],
  ];
  for (const [text, canonical, matches] of rows) {
    test(`reads "${text}"`, () => {
      const selector = parseLabelSelector(text);
      expect(formatLabelSelector(selector)).toBe(canonical);
      expect(parseLabelSelector(formatLabelSelector(selector))).toEqual(selector);
      expect(matchesLabels(selector, web)).toBe(matches);
    });
  }

  for (const text of ["app=web,", "=web", "a b", "app in web", "app in (web", "-app", "app=web=x", "app=a/b"]) {
    test(`refuses "${text}"`, () => {
      expect(thrownBy(() => parseLabelSelector(text))).toMatchObject({ code: "BadRequest" });
    });
  }
});

describe("selectorOf()", () => {
  test("reads labels and expressions, all of which must hold", () => {
    const selector = selectorOf({
      matchLabels: { app: "web" },
      matchExpressions: [{ key: "tier", operator: "NotIn", values: ["db"] }],
    });
    expect(formatLabelSelector(selector)).toBe("app=web,tier!=db");
    expect(matchesLabels(selector, { app: "web" })).toBe(true);
    expect(matchesLabels(selector, { app: "web", tier: "db" })).toBe(false);
  });

  test("matches everything when it is empty", () => {
    expect(matchesLabels(selectorOf({}), undefined)).toBe(true);
  });

  test("names an operator that there is not", () => {
    const error = thrownBy(() => selectorOf({ matchExpressions: [{ key: "a", operator: "Gt", values: ["1"] }] }));
    expect(error).toMatchObject({ code: "BadRequest", message: '"Gt" is not a valid label selector operator' });
  });
});

describe("parseFieldSelector()", () => {
  const fields: Readonly<Record<string, string>> = { "metadata.name": "web", "status.phase": "Running", a: "x,y=z" };
  const rows: readonly (readonly [text: string, matches: boolean])[] = [
    ["", true],
    ["metadata.name=web", true],
    ["metadata.name==web,status.phase!=Failed", true],
    ["status.phase!=Running", false],
    ["spec.nodeName=", true],
    ["a=x\\,y\\=z", true],
  ];
  for (const [text, matches] of rows) {
    test(`reads "${text}"`, () => {
      expect(matchesFields(parseFieldSelector(text), (path) => fields[path] ?? "")).toBe(matches);
    });
  }

  test("refuses a part without an operator", () => {
    expect(thrownBy(() => parseFieldSelector("metadata.name"))).toMatchObject({ code: "BadRequest" });
  });
});
