// Objects that are too deep or too large, however few bytes they came in.

import { describe, expect, test } from "bun:test";
import { at, configMap, TestApi } from "#test/lab/api.ts";
import { checkExtent } from "./extent.ts";

const maps = "/api/v1/namespaces/shop/configmaps";

function nested(depth: number): string {
  return `${"[".repeat(depth)}${"]".repeat(depth)}`;
}

/** Each line names the one before nine times: 9^lines values. */
function aliases(lines: number): string {
  const rows = Array.from({ length: lines }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(",")}]`);
  return ["a0: &a0 x", ...rows].join("\n");
}

describe("an object", () => {
  test("passes with what objects have", () => {
    checkExtent({ a: [{ b: "c".repeat(1_000_000) }, null, 1, true], d: JSON.parse(nested(490)) });
  });

  const yaml = { "content-type": "application/yaml" };
  const head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
  type Row = readonly [
    what: string,
    body: string | Uint8Array,
    headers: Readonly<Record<string, string>>,
    code: number,
  ];
  const rows: readonly Row[] = [
    ["that is nested too deep", `{"apiVersion":"v1","kind":"ConfigMap","data":${nested(600)}}`, {}, 400],
    ["that is nested beyond the stack", `{"apiVersion":"v1","kind":"ConfigMap","data":${nested(1_000_000)}}`, {}, 400],
    ["made of aliases", `${head}${aliases(7)}`, yaml, 413],
    [
      "made of a long text's aliases",
      `${head}x: &x ${"y".repeat(100_000)}\nz: [${Array(100).fill("*x").join(",")}]`,
      yaml,
      413,
    ],
    ["that is no UTF-8", Uint8Array.of(0x7b, 0xff, 0x7d), {}, 400],
    ["that is no UTF-8 in YAML", Uint8Array.of(0x61, 0x3a, 0xff), yaml, 400],
  ];
  for (const [what, body, headers, code] of rows) {
    test(`${what} is refused`, async () => {
      using api = await TestApi.withShop();
      expect((await api.send(`POST ${maps}`, body, { headers })).status).toBe(code);
      expect(api.faults).toEqual([]);
    });
  }

  test("that a patch copies into itself is refused", async () => {
    using api = await TestApi.withShop();
    await api.send(`POST ${maps}`, configMap("a", { x: "y" }));
    const copies = Array.from({ length: 40 }, (_, i) => ({ op: "copy", from: "/data", path: `/data/c${i}` }));
    const answer = await api.patch(`${maps}/a`, "json", copies);
    expect([answer.status, at(answer.body, "reason")]).toEqual([413, "RequestEntityTooLarge"]);
  });
});
