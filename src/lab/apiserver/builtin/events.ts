// The group events.k8s.io: the core group's events under newer names of their fields.

import type { KubeObject } from "#kube/object.ts";
import { schemaOf } from "#lab/apiserver/schema/definitions.ts";
import { defineGroup } from "./define.ts";

/** Old and new names of fields that only moved (events.k8s.io/v1 Event, "deprecated" fields). */
const renamed: readonly (readonly [core: string, events: string])[] = [
  ["involvedObject", "regarding"],
  ["message", "note"],
  ["source", "deprecatedSource"],
  ["firstTimestamp", "deprecatedFirstTimestamp"],
  ["lastTimestamp", "deprecatedLastTimestamp"],
  ["count", "deprecatedCount"],
  ["reportingComponent", "reportingController"],
];

/** An event of events.k8s.io/v1 as one of the core group. */
function toCoreEvent(event: KubeObject): KubeObject {
  return rename({ ...event, apiVersion: "v1" }, new Map(renamed.map(([core, events]) => [events, core])));
}

function fromCoreEvent(event: KubeObject): KubeObject {
  return rename({ ...event, apiVersion: "events.k8s.io/v1" }, new Map(renamed));
}

function rename(event: KubeObject, names: ReadonlyMap<string, string>): KubeObject {
  const { apiVersion, kind, metadata } = event;
  const fields = Object.entries(event).map(([field, value]) => [names.get(field) ?? field, value] as const);
  return { ...Object.fromEntries(fields), apiVersion, kind, metadata };
}

export const events = defineGroup("events.k8s.io", "v1", [
  {
    kind: "Event",
    shortNames: ["ev"],
    selectableFields: ["reason", "regarding.kind", "regarding.name", "regarding.namespace", "regarding.uid", "type"],
    storedAs: { group: "", plural: "events" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: () => schemaOf("events.k8s.io", "v1", "Event"),
        convert: { toStored: toCoreEvent, fromStored: fromCoreEvent },
      },
    ],
  },
]);
