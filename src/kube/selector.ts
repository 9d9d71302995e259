// Label and field selectors: their text, their object form, and whether something matches.

import { badRequest } from "./kube-error.ts";

/** One requirement of a label selector. `In` with one value is also what `key=value` means. */
export type Requirement = {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values: readonly string[];
};

/** All requirements must hold; the empty selector matches everything. */
export type LabelSelector = readonly Requirement[];

/** A label selector as objects carry it (meta/v1 LabelSelector). */
export type LabelSelectorObject = {
  readonly matchLabels?: Readonly<Record<string, string>> | undefined;
  readonly matchExpressions?:
    | readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[]
    | undefined;
};

type Labels = Readonly<Record<string, string>>;

/**
 * Whether labels meet all requirements.
 * `NotIn` also holds for labels without the key (Kubernetes documentation, "Labels and Selectors", set-based requirements).
 */
export function matchesLabels(selector: LabelSelector, labels: Labels = {}): boolean {
  return selector.every((requirement) => meets(requirement, labels));
}

function meets({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}

const operators = ["In", "NotIn", "Exists", "DoesNotExist"] as const;

/** The requirements of a selector object. Throws `KubeError` BadRequest for an operator that there is not. */
export function selectorOf({ matchLabels = {}, matchExpressions = [] }: LabelSelectorObject): LabelSelector {
  const equal = Object.entries(matchLabels).map(
    ([key, value]): Requirement => ({ key, operator: "In", values: [value] }),
  );
  const set = matchExpressions.map(({ key, operator, values = [] }): Requirement => {
    const known = operators.find((name) => name === operator);
    if (known === undefined) throw badRequest(`"${operator}" is not a valid label selector operator`);
    return { key, operator: known, values };
  });
  return [...equal, ...set];
}

const keyForm = /^[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?$/;
// A value may be empty: `a=` and `a in (,b)` are selectors.
const valueForm = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;

/**
 * Parses the text of a label selector: `app=web,tier!=db,env in (a, b),!old,new`.
 * Throws `KubeError` BadRequest with the part that is wrong.
 */
export function parseLabelSelector(text: string): LabelSelector {
  return splitOutsideParentheses(text).map((part) => parseRequirement(part, text));
}

function splitOutsideParentheses(text: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = "";
  for (const char of text) {
    if (char === "(") depth++;
    if (char === ")") depth--;
    if (char === "," && depth === 0) {
      parts.push(part.trim());
      part = "";
    } else part += char;
  }
  if (part.trim() !== "" || parts.length > 0) parts.push(part.trim());
  return parts;
}

function parseRequirement(part: string, whole: string): Requirement {
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(part);
  if (set !== null) {
    const [, key = "", operator, list = ""] = set;
    const values = list.split(",").map((value) => value.trim());
    return checked({ key, operator: operator === "in" ? "In" : "NotIn", values }, part, whole);
  }
  const equality = /^([^\s=!]+)\s*(==|=|!=)\s*([^\s=!]*)$/.exec(part);
  if (equality !== null) {
    const [, key = "", operator, value = ""] = equality;
    return checked({ key, operator: operator === "!=" ? "NotIn" : "In", values: [value] }, part, whole);
  }
  const absent = part.startsWith("!");
  const key = absent ? part.slice(1).trim() : part;
  return checked({ key, operator: absent ? "DoesNotExist" : "Exists", values: [] }, part, whole);
}

function checked(requirement: Requirement, part: string, whole: string): Requirement {
  if (keyForm.test(requirement.key) && requirement.values.every((value) => valueForm.test(value))) return requirement;
  throw badRequest(`unable to parse requirement: "${part}" of label selector "${whole}"`);
}

/** The text of a selector; parsing it again gives the same selector. */
export function formatLabelSelector(selector: LabelSelector): string {
  return selector.map(formatRequirement).join(",");
}

function formatRequirement({ key, operator, values }: Requirement): string {
  switch (operator) {
    case "In":
      return values.length === 1 ? `${key}=${values.join()}` : `${key} in (${values.join(",")})`;
    case "NotIn":
      return values.length === 1 ? `${key}!=${values.join()}` : `${key} notin (${values.join(",")})`;
    case "Exists":
      return key;
    case "DoesNotExist":
      return `!${key}`;
  }
}

/** One requirement of a field selector: `spec.nodeName=a`, `status.phase!=Running`. */
export type FieldRequirement = { readonly path: string; readonly equal: boolean; readonly value: string };

/** Parses a field selector. A backslash takes the meaning from `,`, `=` and itself in a value. Throws BadRequest. */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  if (text.trim() === "") return [];
  return text.split(/(?<!\\),/).map((part) => {
    const match = /^([^=!\\]+?)(==|=|!=)((?:[^=\\]|\\.)*)$/.exec(part.trim());
    if (match === null) throw badRequest(`invalid field selector: "${part}"; can't understand it`);
    const [, path = "", operator, value = ""] = match;
    return { path, equal: operator !== "!=", value: value.replaceAll(/\\(.)/g, "$1") };
  });
}

/** Whether an object meets all requirements; `fieldOf` reads a path, "" when the object has no such field. */
export function matchesFields(requirements: readonly FieldRequirement[], fieldOf: (path: string) => string): boolean {
  return requirements.every(({ path, equal, value }) => (fieldOf(path) === value) === equal);
}
