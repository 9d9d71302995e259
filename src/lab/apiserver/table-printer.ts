// What kubectl prints of an object: the hook for columns and cells, and a printer that knows names and ages only.

import type { KubeObject } from "#kube/object.ts";
import type { ResourceDefinition, ResourceVersion } from "./registry.ts";

/** meta/v1 TableColumnDefinition. */
export type TableColumn = {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
};

export type TablePrinter = {
  readonly columns: (definition: ResourceDefinition, version: ResourceVersion) => readonly TableColumn[];
  /** One per column; `now` in milliseconds, for ages. */
  readonly cells: (
    definition: ResourceDefinition,
    version: ResourceVersion,
    object: KubeObject,
    now: number,
  ) => readonly unknown[];
};

/** NAME and AGE, which every object has. The creation time is the age's cell: kubectl itself turns a `date` into an age. */
export const plainPrinter: TablePrinter = {
  columns: () => [
    { name: "Name", type: "string", format: "name", description: "Name of the object", priority: 0 },
    { name: "Created At", type: "date", format: "", description: "When the object was created", priority: 0 },
  ],
  cells: (_definition, _version, { metadata }) => [metadata.name ?? "", metadata.creationTimestamp ?? ""],
};
