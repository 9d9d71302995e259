// What kubectl prints of an object: columns, and a cell for each.

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
