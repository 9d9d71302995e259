// Decoders for configuration JSON: plain functions that turn a JSON value into a typed one or say which field is wrong.

import { messageOf } from "#base/error-message.ts";
import { CniError, ErrorCode } from "./error.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";

/** Turns a value into a `T`, or throws `Mismatch`. `undefined` stands for an absent field, and so does `null`, as in Go. */
export type Decoder<T> = (value: Json | undefined) => T;

/** What a decoder yields: `type Conf = Infer<typeof conf>`. */
export type Infer<D> = D extends Decoder<infer T> ? T : never;

type Fields = { readonly [key: string]: Decoder<unknown> };
type Required<F extends Fields> = { [K in keyof F]: undefined extends Infer<F[K]> ? never : K }[keyof F];
type Shape<F extends Fields> = Simplify<
  { readonly [K in Required<F>]: Infer<F[K]> } & {
    readonly [K in Exclude<keyof F, Required<F>>]?: Exclude<Infer<F[K]>, undefined>;
  }
>;
type Simplify<T> = { readonly [K in keyof T]: T[K] };

/** A value of the wrong kind. Outer decoders prepend where it sits. */
export class Mismatch extends Error {
  override readonly name = "Mismatch";
  readonly wants: string;
  readonly found: Json | undefined;
  path = "";

  /** `wants` completes "must be …". */
  constructor(wants: string, found: Json | undefined) {
    super(`must be ${wants}`);
    this.wants = wants;
    this.found = found;
  }
}

/**
 * Decodes `value`. `subject` opens the sentence of a failure: `bridge: field "mtu" must be a whole number, found "abc"`.
 * @throws CniError `code`, by default 7 (invalid network configuration).
 */
export function decode<T>(
  decoder: Decoder<T>,
  value: Json,
  subject: string,
  code: number = ErrorCode.invalidConfig,
): T {
  try {
    return decoder(value ?? undefined);
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    const place = error.path === "" ? "the input" : `field "${error.path}"`;
    const sentence =
      error.found === undefined
        ? `${place} is missing: it must be ${error.wants}`
        : `${place} must be ${error.wants}, found ${describe(error.found)}`;
    throw new CniError(code, `${subject}: ${sentence}`, { cause: error });
  }
}

/** @throws CniError 6 when `text` is not JSON. */
export function parseJson(text: string, subject: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    const reason = text.trim() === "" ? "it is empty" : messageOf(cause);
    throw new CniError(ErrorCode.decodingFailure, `${subject} is not JSON: ${reason}`, { cause });
  }
}

/** The value under `key`; without an exact match the last key that differs only in case, as Go's decoder has it. */
export function member(object: JsonObject, key: string): Json | undefined {
  if (Object.hasOwn(object, key)) return object[key] ?? undefined;
  return memberInAnyCase(object, key.toLowerCase()) ?? undefined;
}

export const string: Decoder<string> = (value) => {
  if (typeof value !== "string") throw new Mismatch("a string", value);
  return value;
};

export const bool: Decoder<boolean> = (value) => {
  if (typeof value !== "boolean") throw new Mismatch("true or false", value);
  return value;
};

/** As `bool`, and the strings "true" and "false" in any case. */
export const boolOrText: Decoder<boolean> = (value) => {
  const text = typeof value === "string" ? value.toLowerCase() : undefined;
  return text === "true" || text === "false" ? text === "true" : bool(value);
};

/** Any JSON, as it came. */
export const raw: Decoder<Json | undefined> = (value) => value;

/** An object, as it came. */
export const rawObject: Decoder<JsonObject> = (value) => {
  if (!isJsonObject(value)) throw new Mismatch("an object", value);
  return value;
};

/** A whole number within the bounds, both inclusive. */
export function int(bounds: { readonly min?: number; readonly max?: number } = {}): Decoder<number> {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = bounds;
  const wants = `a whole number${describeBounds(bounds)}`;
  return (value) => {
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min || value > max) {
      throw new Mismatch(wants, value);
    }
    return value;
  };
}

/** One of these words, exactly. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Decoder<Word> {
  const wants = `one of ${words.map((word) => JSON.stringify(word)).join(", ")}`;
  return (value) => {
    const word = words.find((candidate) => candidate === value);
    if (word === undefined) throw new Mismatch(wants, value);
    return word;
  };
}

/** A string that `parse` understands; `wants` completes "must be …". */
export function text<T>(wants: string, parse: (text: string) => T | undefined): Decoder<T> {
  return (value) => {
    const parsed = typeof value === "string" ? parse(value) : undefined;
    if (parsed === undefined) throw new Mismatch(wants, value);
    return parsed;
  };
}

/** What `decoder` yields, if `accepts` holds for it; `wants` completes "must be …". */
export function refine<T>(decoder: Decoder<T>, wants: string, accepts: (value: T) => boolean): Decoder<T> {
  return (value) => {
    const decoded = decoder(value);
    if (!accepts(decoded)) throw new Mismatch(wants, value);
    return decoded;
  };
}

/** What another decoder gives, converted. @throws what `convert` throws */
export function map<T, U>(decoder: Decoder<T>, convert: (value: T) => U): Decoder<U> {
  return (value) => convert(decoder(value));
}

/** A list, each item by the same decoder; errors name the index. */
export function list<T>(item: Decoder<T>): Decoder<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value)) throw new Mismatch("a list", value as Json | undefined);
    return value.map((each: Json, index) => within(`[${index}]`, () => item(each)));
  };
}

/** An object with any keys. Entries that are `null` are left out. */
export function record<T>(item: Decoder<T>): Decoder<Readonly<Record<string, T>>> {
  return (value) => {
    const entries = Object.entries(rawObject(value)).filter(([, each]) => each !== null);
    return Object.fromEntries(entries.map(([key, each]) => [key, within(key, () => item(each))]));
  };
}

/** An object's known fields; others are ignored. Keys match in any case, an exact match first. Absent optional fields stay absent. */
export function object<const F extends Fields>(fields: F): Decoder<Shape<F>> {
  const known = Object.entries(fields).map(([key, decoder]) => ({ key, decoder, folded: key.toLowerCase() }));
  return (value) => {
    const input = rawObject(value);
    const output: Record<string, unknown> = {};
    let at = "";
    try {
      for (const { key, decoder, folded } of known) {
        at = key;
        const found = Object.hasOwn(input, key) ? input[key] : memberInAnyCase(input, folded);
        const decoded = decoder(found ?? undefined);
        if (decoded !== undefined) output[key] = decoded;
      }
    } catch (error) {
      throw located(error, at);
    }
    return output as Shape<F>;
  };
}

/** Undefined where the field is not there. */
export function optional<T>(decoder: Decoder<T>): Decoder<T | undefined> {
  return (value) => (value === undefined ? undefined : decoder(value));
}

/** As `optional`, and the empty string counts as absent: in the reference plugins it is the same. */
export function unlessEmpty<T>(decoder: Decoder<T>): Decoder<T | undefined> {
  return (value) => (value === undefined || value === "" ? undefined : decoder(value));
}

/** `fallback` where the field is not there. */
export function withDefault<T>(decoder: Decoder<T>, fallback: T): Decoder<T> {
  return (value) => (value === undefined ? fallback : decoder(value));
}

function within<T>(step: string, decodeIt: () => T): T {
  try {
    return decodeIt();
  } catch (error) {
    throw located(error, step);
  }
}

/** The same error, its path one step longer. */
function located(error: unknown, step: string): unknown {
  if (error instanceof Mismatch) {
    error.path = error.path === "" || error.path.startsWith("[") ? step + error.path : `${step}.${error.path}`;
  }
  return error;
}

/** Configurations have few fields, and most that a plugin knows are absent from them: nothing is made for those. */
function memberInAnyCase(object: JsonObject, folded: string): Json | undefined {
  let found: Json | undefined;
  for (const key of Object.keys(object)) {
    if (key.length === folded.length && key.toLowerCase() === folded) found = object[key];
  }
  return found;
}

function describeBounds({ min, max }: { readonly min?: number; readonly max?: number }): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return ` of at least ${min}`;
  return max === undefined ? "" : ` of at most ${max}`;
}

const maxShownLength = 100;

/** Lists and objects are named, not shown: they may be deep or long. */
function describe(value: Json): string {
  if (Array.isArray(value)) return "a list";
  if (isJsonObject(value)) return "an object";
  const shown = JSON.stringify(value);
  return shown.length > maxShownLength ? `${shown.slice(0, maxShownLength)}…` : shown;
}
