// The table of protobuf fields: which number of which message is which field in JSON.

import { readFileSync } from "node:fs";
import fieldsPath from "./fields.txt" with { type: "file" };

/** A field of a message; of an inline one the fields stand beside the others in JSON. */
export type WireField =
  | {
      readonly name: string;
      /** `int32`, `int64` or `bytes`, where the published types do not say it. */
      readonly format: string | undefined;
      /** Whether a zero is a value; else it stands for an absent field. */
      readonly keepsZero: boolean;
    }
  | { readonly inline: string };

/** By the type's name, as in schemas, and the field's number. */
export type FieldTable = ReadonlyMap<string, ReadonlyMap<number, WireField>>;

let loaded: FieldTable | undefined;

/** The table, read at the first use. */
export function fieldTable(): FieldTable {
  loaded ??= parseFieldTable(readFileSync(fieldsPath, "utf8"));
  return loaded;
}

/** Reads the form that the table's own first lines describe. */
export function parseFieldTable(text: string): FieldTable {
  const table = new Map<string, ReadonlyMap<number, WireField>>();
  let group = "";
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith("[")) {
      group = line.slice(1, -1);
      continue;
    }
    const [type = "", ...fields] = line.split(" ");
    table.set(`${group}.${type}`, new Map(fields.map((field) => parseField(group, field))));
  }
  return table;
}

function parseField(group: string, text: string): readonly [number, WireField] {
  const { inline, name, number, format, zero } =
    /^(?:\((?<inline>\w+)\)|(?<name>[\w$-]+))=(?<number>\d+)(?::(?<format>\w+))?(?<zero>!)?$/.exec(text)?.groups ?? {};
  if (number === undefined) throw new SyntaxError(`Cannot read the field table: ${text} is not name=number`);
  if (inline !== undefined) return [Number(number), { inline: `${group}.${inline}` }];
  return [Number(number), { name: name ?? "", format, keepsZero: zero !== undefined }];
}
