// The JSONPath that printer columns use: fields, indices, wildcards, and items chosen by one of their fields.

import { equalJson, fieldOf, isFields } from "#lab/apiserver/schema/json.ts";

type Step =
  | { readonly do: "field"; readonly name: string }
  | { readonly do: "index"; readonly index: number }
  | { readonly do: "all" }
  | { readonly do: "filter"; readonly path: readonly string[]; readonly equals: boolean; readonly value: unknown };

export type JsonPath = readonly Step[];

/** `.name`, `['na.me']`, `[0]`, `[-1]`, `[*]`, `.*`, `[?(@.type=="Ready")]`; a backslash takes a dot into a name. */
const stepForm =
  /\.(?<name>(?:\\.|[^.[\]\\])+)|\[['"](?<quoted>[^'"]+)['"]\]|\[(?<index>-?\d+)\]|\[(?<all>\*)\]|\[\?\(\s*@\.(?<path>[\w.\\/-]+)\s*(?<operator>==|!=)\s*(?<value>"[^"]*"|'[^']*'|-?[\d.]+|true|false)\s*\)\]/y;

/** The steps of a path; undefined when it is none, or uses more than this server knows. */
export function parseJsonPath(text: string): JsonPath | undefined {
  const bare = text.startsWith("{") && text.endsWith("}") ? text.slice(1, -1) : text;
  const path = bare.startsWith("$") ? bare.slice(1) : bare;
  const steps: Step[] = [];
  stepForm.lastIndex = 0;
  while (stepForm.lastIndex < path.length) {
    const groups = stepForm.exec(path)?.groups;
    if (groups === undefined) return undefined;
    steps.push(stepOf(groups));
  }
  return steps.length === 0 ? undefined : steps;
}

function stepOf(groups: Readonly<Record<string, string | undefined>>): Step {
  const { name, quoted, index, path, operator, value = "" } = groups;
  if (name === "*") return { do: "all" };
  if (name !== undefined) return { do: "field", name: name.replace(/\\(.)/g, "$1") };
  if (quoted !== undefined) return { do: "field", name: quoted.replace(/\\(.)/g, "$1") };
  if (index !== undefined) return { do: "index", index: Number(index) };
  if (path === undefined) return { do: "all" };
  const text = value.startsWith("'") ? `"${value.slice(1, -1)}"` : value;
  return { do: "filter", path: path.split("."), equals: operator === "==", value: JSON.parse(text) };
}

/** All values that the path leads to, in order. */
export function evaluateJsonPath(path: JsonPath, value: unknown): readonly unknown[] {
  return path.reduce<readonly unknown[]>((values, step) => values.flatMap((one) => follow(step, one)), [value]);
}

function follow(step: Step, value: unknown): readonly unknown[] {
  switch (step.do) {
    case "field":
      return isFields(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case "index":
      return Array.isArray(value) && value.at(step.index) !== undefined ? [value.at(step.index)] : [];
    case "all":
      return Array.isArray(value) ? value : isFields(value) ? Object.values(value) : [];
    case "filter":
      return Array.isArray(value)
        ? value.filter((item) => equalJson(read(item, step.path), step.value) === step.equals)
        : [];
  }
}

function read(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((one, name) => (isFields(one) ? fieldOf(one, name) : undefined), value);
}

/** A path of fields only, as its names: `.spec.replicas`. Undefined for any other. */
export function plainPath(text: string): readonly string[] | undefined {
  const steps = parseJsonPath(text);
  const names = steps?.flatMap((step) => (step.do === "field" ? [step.name] : []));
  return names?.length === steps?.length ? names : undefined;
}
