// Choices of pods that can be found by a pod's namespace and labels, without asking all of them.

import { type LabelSelector, matchesLabels } from "#kube/selector.ts";
import type { Labels } from "#model/policy/party.ts";
import type { PodChoice } from "#model/policy/rule.ts";

type Entry<T> = { readonly choice: PodChoice; readonly value: T };

/** Labels that are the first thing looked at; "": nothing can be looked up, the choice is always asked. */
const anyone = "";

/**
 * Every choice is filed under one thing that its namespaces must have and one that its pods must have: a name, a label's value,
 * a label, or nothing.
 */
export class ChoiceIndex<T> {
  readonly #files = new Map<string, Map<string, Set<Entry<T>>>>();
  readonly #entries = new Map<T, Entry<T>>();

  /** A value has one choice. */
  add(choice: PodChoice, value: T): void {
    const entry = { choice, value };
    this.#entries.set(value, entry);
    for (const [first, second] of placesOf(choice)) {
      const file = this.#files.getOrInsertComputed(first, () => new Map());
      file.getOrInsertComputed(second, () => new Set()).add(entry);
    }
  }

  remove(value: T): void {
    const entry = this.#entries.get(value);
    if (entry === undefined) return;
    this.#entries.delete(value);
    for (const [first, second] of placesOf(entry.choice)) {
      const file = this.#files.get(first);
      const entries = file?.get(second);
      entries?.delete(entry);
      if (entries?.size === 0) file?.delete(second);
      if (file?.size === 0) this.#files.delete(first);
    }
  }

  /** The values whose choices have a pod of this namespace and with these labels. */
  matching(namespace: string, namespaceLabels: Labels, labels: Labels): readonly T[] {
    const found: T[] = [];
    const seconds = marksOf(labels);
    for (const first of [nameMark(namespace), ...marksOf(namespaceLabels)]) {
      const file = this.#files.get(first);
      if (file === undefined) continue;
      for (const second of seconds) {
        for (const { choice, value } of file.get(second) ?? []) {
          if (hasPod(choice, namespace, namespaceLabels, labels)) found.push(value);
        }
      }
    }
    return found;
  }
}

/** Whether a choice has pods of this namespace and with these labels. */
export function hasPod(
  { namespaces, pods }: PodChoice,
  namespace: string,
  namespaceLabels: Labels,
  labels: Labels,
): boolean {
  return hasNamespace(namespaces, namespace, namespaceLabels) && matchesLabels(pods, labels);
}

/** Whether a choice of namespaces has the one of this name and these labels. */
export function hasNamespace(choice: PodChoice["namespaces"], name: string, labels: Labels): boolean {
  return "name" in choice ? choice.name === name : matchesLabels(choice.labels, labels);
}

function placesOf({ namespaces, pods }: PodChoice): readonly (readonly [string, string])[] {
  const firsts = "name" in namespaces ? [nameMark(namespaces.name)] : anchorsOf(namespaces.labels);
  const seconds = anchorsOf(pods);
  return firsts.flatMap((first) => seconds.map((second) => [first, second] as const));
}

/** Of a selector: values of one label, any of which pods must have; or a label that they must have. */
function anchorsOf(selector: LabelSelector): readonly string[] {
  const equal = selector.find(({ operator }) => operator === "In");
  if (equal !== undefined) return [...new Set(equal.values)].map((value) => valueMark(equal.key, value));
  const there = selector.find(({ operator }) => operator === "Exists");
  return [there === undefined ? anyone : keyMark(there.key)];
}

function marksOf(labels: Labels): readonly string[] {
  const marks = [anyone];
  for (const key of Object.keys(labels)) marks.push(keyMark(key), valueMark(key, labels[key] ?? ""));
  return marks;
}

// None of these characters can be part of a name or a label.
function nameMark(name: string): string {
  return `@${name}`;
}

function keyMark(key: string): string {
  return `?${key}`;
}

function valueMark(key: string, value: string): string {
  return `${key}=${value}`;
}
