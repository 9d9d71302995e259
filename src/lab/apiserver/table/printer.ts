// The tables of all kinds: those with columns of their own, custom resources with theirs, and a plain one for the rest.

import type { ResourceDefinition, ResourceVersion } from "#lab/apiserver/registry.ts";
import type { TablePrinter } from "#lab/apiserver/table-printer.ts";
import { accessSheets } from "./access.ts";
import { ageOf } from "./age.ts";
import { clusterSheets } from "./cluster.ts";
import { customSheet } from "./custom.ts";
import { networkSheets } from "./network.ts";
import { podSheet } from "./pod.ts";
import { type Sheet, sheet } from "./sheet.ts";
import { workloadSheets } from "./workloads.ts";

const sheets: Readonly<Record<string, Sheet>> = {
  "/Pod": podSheet,
  ...workloadSheets,
  ...networkSheets,
  ...clusterSheets,
  ...accessSheets,
};

const plain: Sheet = sheet(["Name", "Age"], ({ metadata }, now) => [
  metadata.name,
  ageOf(metadata.creationTimestamp, now),
]);

function sheetOf({ group, kind }: ResourceDefinition): Sheet {
  // Events of events.k8s.io are the core group's.
  return sheets[`${group}/${kind}`] ?? (kind === "Event" ? sheets["/Event"] : undefined) ?? plain;
}

/** Columns and cells as Kubernetes' own server prints them; those of custom resources follow their definition. */
export const kubePrinter: TablePrinter = {
  columns: (definition, version) => sheetFor(definition, version).columns,
  cells: (definition, version, object, now) => sheetFor(definition, version).cells(object, now),
};

/** Made once per version of a definition: paths are parsed then. */
const customSheets = new WeakMap<ResourceVersion, Sheet>();

function sheetFor(definition: ResourceDefinition, version: ResourceVersion): Sheet {
  if (!definition.custom) return sheetOf(definition);
  const known = customSheets.get(version);
  if (known !== undefined) return known;
  const made = customSheet(version);
  customSheets.set(version, made);
  return made;
}
