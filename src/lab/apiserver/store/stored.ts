// An object as the store holds it: its JSON text, and the object itself once somebody looks.

import type { KubeObject } from "#kube/object.ts";

/** One state of one object. Objects are shared by everybody who reads: never change one in place. */
export class Stored {
  readonly key: string;
  /** When this state was written; also in `metadata.resourceVersion`. */
  readonly revision: number;
  readonly json: string;
  #object: KubeObject | undefined;

  constructor(key: string, revision: number, json: string, object?: KubeObject) {
    this.key = key;
    this.revision = revision;
    this.json = json;
    this.#object = object;
  }

  /** Parsed at the first look: a list or a watch without selectors never needs it. */
  get object(): KubeObject {
    // The store wrote this text itself, from an object.
    this.#object ??= JSON.parse(this.json) as KubeObject;
    return this.#object;
  }
}

/** An object in the state that `revision` gave it. */
export function storedAt(key: string, revision: number, object: KubeObject): Stored {
  const versioned = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
  return new Stored(key, revision, JSON.stringify(versioned), versioned);
}
