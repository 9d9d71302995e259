// Selectors and blocks as the API's documentation describes them, the slow way.

import type { Labels, Selector } from "./oracle-objects.ts";

/** Labels and selectors: an empty selector selects everything; all parts must hold. */
export function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  for (const key of Object.keys(matchLabels)) if (labels[key] !== matchLabels[key]) return false;
  for (const { key, operator, values = [] } of matchExpressions) {
    const has = key in labels;
    const value = labels[key] ?? "";
    if (operator === "In" && !(has && values.includes(value))) return false;
    if (operator === "NotIn" && has && values.includes(value)) return false;
    if (operator === "Exists" && !has) return false;
    if (operator === "DoesNotExist" && has) return false;
  }
  return true;
}

/** Bit by bit, as strings. */
export function inBlock(ip: string, block: string): boolean {
  const [base = "", length = ""] = block.split("/");
  if (base.includes(":") !== ip.includes(":")) return false;
  return bits(ip).slice(0, Number(length)) === bits(base).slice(0, Number(length));
}

function bits(ip: string): string {
  if (!ip.includes(":"))
    return ip
      .split(".")
      .map((part) => Number(part).toString(2).padStart(8, "0"))
      .join("");
  const [head = "", tail] = ip.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const middle = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...middle, ...right].map((part) => Number.parseInt(part, 16).toString(2).padStart(16, "0")).join("");
}
