// YAML, the one way that it is read and written here: scalars as kubectl reads them, and a key that is there twice is found.

import {
  CORE_SCHEMA,
  DUMP_SCHEMA,
  defineScalarTag,
  dump,
  EVENT_ID,
  getScalarValue,
  loadAll,
  mergeTag,
  NOT_RESOLVED,
  parseEvents,
  YAMLException,
} from "js-yaml";

/** A key that one mapping has twice, and the line, from 1, where it is for the second time. */
export type RepeatedKey = { readonly key: string; readonly line: number };

export type YamlDocuments = {
  /** Those that are empty, as between two separators, are null. */
  readonly documents: readonly unknown[];
  /** The first one; of a repeated key the last value counts. */
  readonly repeated: RepeatedKey | undefined;
};

/** Deeper than any schema, and far from what the engine's stack can bear. */
const maxDepth = 500;

const words: ReadonlyMap<string, boolean> = new Map(
  ([true, false] as const).flatMap((value) =>
    (value ? ["y", "yes", "on", "true"] : ["n", "no", "off", "false"]).flatMap((word) => {
      const capital = word.charAt(0).toUpperCase() + word.slice(1);
      return [word, capital, word.toUpperCase()].map((form) => [form, value] as const);
    }),
  ),
);

const integer = /^([-+]?)(0[xX][\da-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9]\d*)$/;
const decimal = /^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$/;
const startsNumber = /^[-+.\d]/;

/**
 * kubectl reads YAML 1.1: `defaultMode: 0644` is octal, `yes` is true, and `1_000` a number. Times of day and dates are texts to it, and
 * so is here what JSON has no number for.
 */
const schema = CORE_SCHEMA.withTags(
  mergeTag,
  defineScalarTag<boolean>("tag:yaml.org,2002:bool", {
    implicit: true,
    resolve: (source) => words.get(source) ?? NOT_RESOLVED,
    identify: (value) => typeof value === "boolean",
  }),
  defineScalarTag<number>("tag:yaml.org,2002:int", {
    implicit: true,
    resolve: (source) => numberOf(source, wholeOf),
    identify: (value) => Number.isInteger(value),
  }),
  defineScalarTag<number>("tag:yaml.org,2002:float", {
    implicit: true,
    resolve: (source) => numberOf(source, (digits) => (decimal.test(digits) ? Number(digits) : undefined)),
    identify: (value) => typeof value === "number",
  }),
);

function numberOf(source: string, read: (digits: string) => number | undefined): number | typeof NOT_RESOLVED {
  if (!startsNumber.test(source)) return NOT_RESOLVED;
  const value = read(source.replaceAll("_", ""));
  // JSON has no -0 either.
  return value === undefined || !Number.isFinite(value) ? NOT_RESOLVED : value + 0;
}

function wholeOf(text: string): number | undefined {
  const [, sign, digits = ""] = integer.exec(text) ?? [];
  if (sign === undefined) return undefined;
  const size = Number(/^0[0-7]/.test(digits) ? `0o${digits}` : digits.toLowerCase());
  return sign === "-" ? -size : size;
}

/** All documents of a text, which may be JSON. Throws an Error that says what is wrong in which line. */
export function parseYamlDocuments(text: string): YamlDocuments {
  try {
    return { documents: loadAll(text, { schema, maxDepth }), repeated: undefined };
  } catch (cause) {
    return { documents: loadAnyway(text), repeated: repeatedAt(text, cause) };
  }
}

/** The one document of a text; undefined when there is none. Throws an Error that says what is wrong in which line. */
export function parseYaml(text: string): unknown {
  const { documents, repeated } = parseYamlDocuments(text);
  if (repeated !== undefined) throw new Error(formatRepeated(repeated));
  if (documents.length > 1) throw new Error(`it has ${documents.length} documents: leave one, without --- lines`);
  return documents[0];
}

/** `key "name" is in line 7 for the second time: remove one of the two` */
export function formatRepeated({ key, line }: RepeatedKey): string {
  return `key ${JSON.stringify(key)} is in line ${line} for the second time: remove one of the two`;
}

/** With repeated keys as the only fault there is a value. */
function loadAnyway(text: string): readonly unknown[] {
  try {
    return loadAll(text, { schema, maxDepth, json: true });
  } catch (cause) {
    if (!(cause instanceof YAMLException)) throw cause;
    const place = cause.mark === undefined ? "" : ` in line ${cause.mark.line + 1}`;
    throw new Error(`it is no YAML, ${cause.reason}${place}`, { cause });
  }
}

function repeatedAt(text: string, cause: unknown): RepeatedKey | undefined {
  if (!(cause instanceof YAMLException) || cause.mark === undefined) return undefined;
  const { line, position } = cause.mark;
  for (const event of parseEvents(text, { maxDepth })) {
    if (event.type === EVENT_ID.SCALAR && event.valueStart === position) {
      return { key: getScalarValue(text, event), line: line + 1 };
    }
  }
  return { key: "", line: line + 1 };
}

/** A value as YAML, ending in a line break. Fields that are undefined are left out; what any reader may take for something else is quoted. */
export function formatYaml(value: unknown): string {
  return dump(value, { schema: DUMP_SCHEMA, skipInvalid: true, noRefs: true, lineWidth: -1, quoteStyle: "double" });
}
