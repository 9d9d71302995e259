// Parameters of a request's query, parsed and checked once.

import { badRequest, type Cause, invalid } from "#kube/kube-error.ts";
import { type FieldRequirement, type LabelSelector, parseFieldSelector, parseLabelSelector } from "#kube/selector.ts";
import { forbiddenField, unsupportedValue } from "./schema/cause.ts";

/** meta/v1 ListOptions, of lists, watches and deletions of collections. */
export type ListQuery = {
  readonly labels: LabelSelector;
  readonly fields: readonly FieldRequirement[];
  /** Objects of a page; undefined: all. */
  readonly limit: number | undefined;
  readonly continueToken: string;
  /** "" for none; digits otherwise. */
  readonly resourceVersion: string;
  readonly match: "" | "Exact" | "NotOlderThan";
  readonly watch: boolean;
  readonly bookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
  readonly timeoutSeconds: number | undefined;
};

/** Throws BadRequest or Invalid for what is no number, no selector, or contradicts itself. */
export function parseListQuery(query: URLSearchParams): ListQuery {
  const options: ListQuery = {
    labels: parseLabelSelector(query.get("labelSelector") ?? ""),
    fields: parseFieldSelector(query.get("fieldSelector") ?? ""),
    limit: wholeNumber(query, "limit") || undefined,
    continueToken: query.get("continue") ?? "",
    resourceVersion: resourceVersionOf(query),
    match: matchOf(query),
    watch: isTrue(query, "watch"),
    bookmarks: isTrue(query, "allowWatchBookmarks"),
    sendInitialEvents: query.has("sendInitialEvents") ? isTrue(query, "sendInitialEvents") : undefined,
    timeoutSeconds: wholeNumber(query, "timeoutSeconds"),
  };
  const causes = options.watch ? faultsOfWatch(options) : faultsOfList(options);
  if (causes.length > 0) throw invalid("ListOptions", "meta.k8s.io", "", causes);
  return options;
}

function faultsOfList({ match, resourceVersion, continueToken, sendInitialEvents }: ListQuery): readonly Cause[] {
  const causes: Cause[] = [];
  if (sendInitialEvents !== undefined) {
    causes.push(forbiddenField("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  }
  if (continueToken !== "" && resourceVersion !== "" && resourceVersion !== "0") {
    throw badRequest("specifying resource version is not allowed when using continue");
  }
  if (match === "") return causes;
  if (continueToken !== "") {
    causes.push(forbiddenField("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"));
  }
  if (resourceVersion === "") {
    causes.push(
      forbiddenField("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"),
    );
  }
  if (match === "Exact" && resourceVersion === "0") {
    const why = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"';
    causes.push(forbiddenField("resourceVersionMatch", why));
  }
  return causes;
}

function faultsOfWatch({ match, sendInitialEvents }: ListQuery): readonly Cause[] {
  if (sendInitialEvents === undefined) {
    if (match === "") return [];
    const why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
    return [forbiddenField("resourceVersionMatch", why)];
  }
  if (match === "NotOlderThan") return [];
  const why =
    match === ""
      ? "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
      : "sendInitialEvents requires resourceVersionMatch to be NotOlderThan";
  return [forbiddenField("resourceVersionMatch", why)];
}

function resourceVersionOf(query: URLSearchParams): string {
  const value = query.get("resourceVersion") ?? "";
  if (value === "" || /^\d{1,15}$/.test(value)) return value;
  throw badRequest(`resourceVersion: Invalid value: "${value}": must be a whole number that this server gave`);
}

function matchOf(query: URLSearchParams): ListQuery["match"] {
  const value = query.get("resourceVersionMatch") ?? "";
  if (value === "" || value === "Exact" || value === "NotOlderThan") return value;
  const cause = unsupportedValue("resourceVersionMatch", value, ["Exact", "NotOlderThan", ""]);
  throw invalid("ListOptions", "meta.k8s.io", "", [cause]);
}

/** As Kubernetes reads booleans of a query: present without a value is true, "0" and "false" are false. */
function isTrue(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== "0" && value.toLowerCase() !== "false";
}

function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name) ?? "";
  if (value === "") return undefined;
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw badRequest(`${name}: Invalid value: "${value}": must be a whole number`);
}

/** What requests that write take besides a body. */
export type WriteQuery = {
  readonly dryRun: boolean;
  /** Who writes, in `managedFields`. */
  readonly fieldManager: string;
  /** The body is an apply configuration: whose fields are whose is settled already. */
  readonly applies: boolean;
  readonly fieldValidation: "Ignore" | "Warn" | "Strict";
  /** What the body says twice, a sentence each: `duplicate field "spec.replicas"`. */
  readonly repetitions: readonly string[];
};

const managerLimit = 128;

export function parseWriteQuery(query: URLSearchParams, userAgent: string): WriteQuery {
  const dryRun = query.getAll("dryRun").filter((value) => value !== "");
  checkDryRun(dryRun);
  const fieldValidation = query.get("fieldValidation") || "Warn";
  if (fieldValidation !== "Ignore" && fieldValidation !== "Warn" && fieldValidation !== "Strict") {
    throw badRequest(
      `fieldValidation: Unsupported value: "${fieldValidation}": supported values: "Ignore", "Strict", "Warn"`,
    );
  }
  const fieldManager = query.get("fieldManager") || userAgent.replace(/\/.*$/, "") || "unknown";
  if (fieldManager.length > managerLimit) {
    throw badRequest(`fieldManager: Too long: may not be more than ${managerLimit} bytes`);
  }
  return { dryRun: dryRun.length > 0, fieldManager, applies: false, fieldValidation, repetitions: [] };
}

/** Whether an apply takes fields from other managers. */
export function isForced(query: URLSearchParams): boolean {
  return isTrue(query, "force");
}

/** `dryRun` stands in the query, or in the body of a deletion or an eviction. */
export function checkDryRun(values: readonly string[]): void {
  const unknown = values.find((value) => value !== "All");
  if (unknown !== undefined) throw badRequest(`dryRun: Unsupported value: "${unknown}": supported values: "All"`);
}
