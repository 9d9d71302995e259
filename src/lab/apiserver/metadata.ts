// Rules of `metadata` that hold for every kind: what the server sets, what clients may change, how names look.

import { type Cause, conflict } from "#kube/kube-error.ts";
import type { KubeObject, Metadata, OwnerReference } from "#kube/object.ts";
import { timestamp } from "#kube/time.ts";
import { type ApiContext, newUid } from "./context.ts";
import type { ResourceDefinition } from "./registry.ts";
import { forbiddenField, invalidValue, requiredValue, tooLong } from "./schema/cause.ts";

/** Letters that spell no words (apiserver's names: no vowels, nothing that looks like another). */
const suffixLetters = "bcdfghjklmnpqrstvwxz2456789";
const suffixLength = 5;
/** So that the name with its suffix is not longer than a label. */
const maxGenerateName = 63 - suffixLength;

/** A name from `generateName`: five random letters after it. */
export function generateName(base: string, random: ApiContext["random"]): string {
  const letters = [...random(new Uint8Array(suffixLength))].map((byte) => suffixLetters[byte % suffixLetters.length]);
  return `${base.slice(0, maxGenerateName)}${letters.join("")}`;
}

/** Metadata of a new object: what only the server may say. */
export function newMetadata(
  { now, random }: ApiContext,
  definition: ResourceDefinition,
  metadata: Metadata,
  namespace: string | undefined,
): Metadata {
  const { name = "", generateName: base = "", ...rest } = metadata;
  const { deletionTimestamp: _at, deletionGracePeriodSeconds: _grace, resourceVersion: _revision, ...kept } = rest;
  const {
    generation: _generation,
    namespace: _namespace,
    selfLink: _selfLink,
    ...own
  } = kept as typeof kept & {
    readonly selfLink?: unknown;
  };
  return {
    ...own,
    name: name === "" && base !== "" ? generateName(base, random) : name,
    ...(base === "" ? {} : { generateName: base }),
    ...(namespace === undefined ? {} : { namespace }),
    uid: newUid(random),
    creationTimestamp: timestamp(now()),
    ...(definition.generation ? { generation: 1 } : {}),
  };
}

/** Fields that an update keeps from the object as it is; what the client says of them is not looked at. */
const serversOwn = [
  "name",
  "generateName",
  "namespace",
  "uid",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "generation",
  "resourceVersion",
] as const;

/** Metadata of a changed object. Throws Conflict when the client speaks of another object of this name. */
export function changedMetadata(definition: ResourceDefinition, wanted: Metadata, live: Metadata): Metadata {
  const { name = "", uid } = live;
  if (wanted.uid !== undefined && wanted.uid !== uid) {
    const why = `Precondition failed: UID in precondition: ${wanted.uid}, UID in object meta: ${uid ?? ""}`;
    throw conflict(definition, name, why);
  }
  const { selfLink: _selfLink, ...own } = wanted as Metadata & { readonly selfLink?: unknown };
  const free = Object.entries(own).filter(([field]) => !serversOwn.some((kept) => kept === field));
  const kept = serversOwn.flatMap((field) => (live[field] === undefined ? [] : [[field, live[field]] as const]));
  return Object.fromEntries([...kept, ...free]);
}

/** DNS names, RFC 1123 sections 2.1, with the lengths of RFC 1035. */
const subdomainForm = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const labelNameForm = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const maxSubdomain = 253;
const maxLabel = 63;
/** Of all annotations together (apimachinery's TotalAnnotationSizeLimitB). */
const maxAnnotationBytes = 256 * 2 ** 10;
/** Their names hold colons: `system:node`. A path segment is all they have to be. */
const pathSegmentGroups = ["rbac.authorization.k8s.io"];

/** What is wrong with the metadata of an object that is to be stored. */
export function metadataFaults(definition: ResourceDefinition, { metadata }: KubeObject): readonly Cause[] {
  const { labels = {}, annotations = {}, ownerReferences = [], finalizers = [] } = metadata;
  return [
    ...nameFaults(definition, metadata),
    ...Object.entries(labels).flatMap(([key, value]) => labelFaults(key, value)),
    ...annotationFaults(annotations),
    ...ownerReferences.flatMap(ownerFaults),
    ...finalizers.flatMap(finalizerFaults),
  ];
}

function nameFaults(definition: ResourceDefinition, { name = "", generateName = "" }: Metadata): readonly Cause[] {
  if (name === "") {
    return [requiredValue("metadata.name", "name or generateName is required")];
  }
  const field = generateName !== "" && !name.startsWith(generateName) ? "metadata.generateName" : "metadata.name";
  if (pathSegmentGroups.includes(definition.group)) {
    const fine = name !== "." && name !== ".." && !/[/%]/.test(name);
    return fine ? [] : [invalidValue(field, name, "may not be '.' or '..', nor contain '/' or '%'")];
  }
  if (name.length > maxSubdomain) return [invalidValue(field, name, `must be no more than ${maxSubdomain} characters`)];
  if (subdomainForm.test(name)) return [];
  return [
    invalidValue(
      field,
      name,
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ),
  ];
}

function labelFaults(key: string, value: string): readonly Cause[] {
  const field = "metadata.labels";
  if (!isQualifiedName(key)) return [invalidValue(field, key, qualifiedNameRule)];
  if (value.length > maxLabel) return [invalidValue(field, value, `must be no more than ${maxLabel} characters`)];
  if (value === "" || labelNameForm.test(value)) return [];
  return [
    invalidValue(
      field,
      value,
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ),
  ];
}

const qualifiedNameRule =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/** `NAME`, or `example.com/NAME` (Kubernetes documentation, "Labels and Selectors", syntax). */
function isQualifiedName(key: string): boolean {
  const slash = key.indexOf("/");
  const [prefix, name] = slash < 0 ? [undefined, key] : [key.slice(0, slash), key.slice(slash + 1)];
  if (prefix !== undefined && (prefix.length > maxSubdomain || !subdomainForm.test(prefix))) return false;
  return name.length <= maxLabel && labelNameForm.test(name);
}

function annotationFaults(annotations: Readonly<Record<string, string>>): readonly Cause[] {
  const entries = Object.entries(annotations);
  const field = "metadata.annotations";
  const size = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  const keys = entries.filter(([key]) => !isQualifiedName(key.toLowerCase()));
  const faults = keys.map(([key]) => invalidValue(field, key, qualifiedNameRule));
  if (size <= maxAnnotationBytes) return faults;
  return [...faults, tooLong(field, maxAnnotationBytes)];
}

function ownerFaults(owner: OwnerReference, index: number): readonly Cause[] {
  const needed = ["apiVersion", "kind", "name", "uid"] as const;
  return needed.flatMap((name) =>
    owner[name] === undefined || owner[name] === ""
      ? [requiredValue(`metadata.ownerReferences[${index}].${name}`)]
      : [],
  );
}

/** Finalizers without a domain that Kubernetes itself uses. */
const plainFinalizers = ["orphan", "foregroundDeletion", "kubernetes"];

function finalizerFaults(finalizer: string): readonly Cause[] {
  if (!isQualifiedName(finalizer)) return [invalidValue("metadata.finalizers", finalizer, qualifiedNameRule)];
  if (finalizer.includes("/") || finalizer.includes(".") || plainFinalizers.includes(finalizer)) return [];
  return [
    invalidValue(
      "metadata.finalizers",
      finalizer,
      "name is neither a standard finalizer name nor is it fully qualified",
    ),
  ];
}

/** What an update may not do to the metadata of an object that is being deleted. */
export function finalizerAdditions(metadata: Metadata, live: Metadata): readonly Cause[] {
  if (live.deletionTimestamp === undefined) return [];
  const added = (metadata.finalizers ?? []).filter((name) => !(live.finalizers ?? []).includes(name));
  if (added.length === 0) return [];
  const names = added.map((name) => `"${name}"`).join(", ");
  const why = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${names}}`;
  return [forbiddenField("metadata.finalizers", why)];
}
