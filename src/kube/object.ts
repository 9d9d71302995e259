// A Kubernetes object as plain JSON: what all kinds have in common, whatever their own fields are.

/** Who made an object: when the owner goes, the object goes (Kubernetes API conventions, "Metadata"). */
export type OwnerReference = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
};

/** The part of `metadata` that clients of the API rely on; times are RFC 3339 with whole seconds. */
export type Metadata = {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly unknown[];
};

/** Any object of the API. Its own fields (`spec`, `status`, `data` …) are whatever its kind says. */
export type KubeObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly [field: string]: unknown;
};

/** The same object as a published type gives it: those leave `apiVersion`, `kind` and `metadata` optional. */
export type Typed<T> = Omit<T, "apiVersion" | "kind" | "metadata"> & {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata & { readonly name: string };
};

/** A page of a list; `continue` is there when more follow. */
export type KubeList<T = KubeObject> = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly resourceVersion?: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items: readonly T[];
};

/** `shop/frontend`, or `node-1` for an object without a namespace. */
export function objectName({ metadata }: { readonly metadata: Metadata }): string {
  const name = metadata.name ?? "";
  return metadata.namespace === undefined || metadata.namespace === "" ? name : `${metadata.namespace}/${name}`;
}
