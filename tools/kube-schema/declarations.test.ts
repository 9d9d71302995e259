// The published declarations, and the forms that the parser knows.
import { describe, expect, test } from "bun:test";
import { parseDeclarations } from "./declarations.ts";

describe("parseDeclarations()", () => {
  test("reads fields, maps, comments and imports", () => {
    const { imports, declarations } = parseDeclarations(`import { ListMeta, Time } from "../meta/v1";
/** A port. */
export interface Port {
    /** The number. */
    readonly port: number;
    /**
     * Two
     *   lines
     */
    labels?: {
        [name: string]: string;
    };
    "x-y"?: Array<Time>;
}
/** Empty. */
export interface Raw {
}
export type Time = string;
`);
    expect([...imports]).toEqual([
      ["ListMeta", "../meta/v1"],
      ["Time", "../meta/v1"],
    ]);
    expect(declarations).toEqual([
      {
        name: "Port",
        text: "A port.",
        alias: undefined,
        fields: [
          { name: "port", optional: false, type: "number", text: "The number." },
          { name: "labels", optional: true, type: "{ [name: string]: string; }", text: "Two\n  lines" },
          { name: "x-y", optional: true, type: "Array<Time>", text: "" },
        ],
      },
      { name: "Raw", text: "Empty.", alias: undefined, fields: [] },
      { name: "Time", text: "", alias: "string", fields: [] },
    ]);
  });
});
