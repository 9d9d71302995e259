// Lines of custom resources: the printer columns of their definition.

import { evaluateJsonPath, parseJsonPath } from "#lab/apiserver/crd/json-path.ts";
import type { Column, ResourceVersion } from "#lab/apiserver/registry.ts";
import type { TableColumn } from "#lab/apiserver/table-printer.ts";
import { ageOf } from "./age.ts";
import type { Sheet } from "./sheet.ts";

/** What a definition without columns has (apiextensions documentation, "Additional printer columns"). */
const age: Column = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };

/** NAME, and a cell for each column: the first thing that its path finds, nothing when it finds none. */
export function customSheet({ columns = [] }: ResourceVersion): Sheet {
  const own = (columns.length === 0 ? [age] : columns).map((column) => ({
    column,
    path: parseJsonPath(column.jsonPath),
  }));
  const name: TableColumn = { name: "Name", type: "string", format: "name", description: "", priority: 0 };
  return {
    columns: [name, ...own.map(({ column }) => tableColumn(column))],
    cells: (object, now) => [
      object.metadata.name ?? "",
      ...own.map(({ column, path }) => cell(column, path === undefined ? [] : evaluateJsonPath(path, object), now)),
    ],
  };
}

function tableColumn({ name, type, format = "", description = "", priority = 0 }: Column): TableColumn {
  return { name, type, format, description, priority };
}

function cell({ type }: Column, found: readonly unknown[], now: number): unknown {
  const [value] = found;
  if (value === undefined || value === null) return null;
  if (type === "date") return ageOf(String(value), now);
  if (type === "integer" || type === "number") return typeof value === "number" ? value : null;
  if (type === "boolean") return typeof value === "boolean" ? value : null;
  return found.length > 1 || typeof value === "object"
    ? JSON.stringify(found.length > 1 ? found : value)
    : String(value);
}
