// Fields of a configuration: each is read, checked and described by one declaration, from which the JSON Schema follows.

import { nearest } from "#base/nearest.ts";
import type { Cidr } from "#net/cidr.ts";
import { networkOf, parseIfAddr } from "#net/cidr.ts";

/** A configuration that cannot be used; the message names the field, what it is, and what it must be. */
export class ConfigError extends Error {
  readonly code = "CONFIG";
}

/** JSON Schema (2020-12), as far as it is used here. */
export type Schema = { readonly [keyword: string]: unknown };

/** `path` is empty for the whole: `fabric.mode`. */
export type Field<T> = {
  readonly about: string;
  readonly schema: Schema;
  /** `undefined` stands for a field that is not there. @throws ConfigError */
  readonly read: (value: unknown, path: string) => T;
};

type Fields = { readonly [name: string]: Field<unknown> };
type Shape<F extends Fields> = { readonly [N in keyof F]: F[N] extends Field<infer T> ? T : never };

export type Infer<F> = F extends Field<infer T> ? T : never;

/** An object with these fields and no others. */
export function section<const F extends Fields>(about: string, fields: F): Field<Shape<F>> {
  const names = Object.keys(fields);
  const properties = names.map((name) => [name, { description: fields[name]?.about, ...fields[name]?.schema }]);
  return {
    about,
    schema: { type: "object", additionalProperties: false, properties: Object.fromEntries(properties) },
    read(value, path) {
      const given = value ?? {};
      if (typeof given !== "object" || Array.isArray(given)) throw wrong(path, "an object", value);
      for (const name of Object.keys(given))
        if (!Object.hasOwn(fields, name)) throw unknown(join(path, name), name, names);
      const entries = Object.entries(fields).map(([name, field]) => [
        name,
        field.read(Reflect.get(given, name), join(path, name)),
      ]);
      return Object.fromEntries(entries) as Shape<F>;
    },
  };
}

/** A word of a list; what else is written is refused with the word that was most likely meant. */
export function oneOf<const Word extends string>(about: string, fallback: Word, words: readonly Word[]): Field<Word> {
  const wanted = `one of ${words.join(", ")}`;
  return {
    about,
    schema: { type: "string", enum: words, default: fallback },
    read(value, path) {
      if (value === undefined || value === null) return fallback;
      const word = words.find((each) => each === value);
      if (word !== undefined) return word;
      const near = typeof value === "string" ? nearest(value, words) : undefined;
      throw wrong(path, near === undefined ? wanted : `${wanted} (did you mean ${near}?)`, value);
    },
  };
}

/** A whole number within its bounds, both included. */
export function integer(
  about: string,
  fallback: number,
  bounds: { readonly min: number; readonly max: number },
): Field<number> {
  const whole = optionalInteger(about, bounds);
  return {
    about,
    schema: { ...whole.schema, default: fallback },
    read: (value, path) => whole.read(value, path) ?? fallback,
  };
}

/** A whole number within its bounds, both included; undefined unless given. */
export function optionalInteger(
  about: string,
  { min, max }: { readonly min: number; readonly max: number },
): Field<number | undefined> {
  return {
    about,
    schema: { type: "integer", minimum: min, maximum: max },
    read(value, path) {
      if (value === undefined || value === null) return undefined;
      if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
      throw wrong(path, `a whole number from ${min} to ${max}`, value);
    },
  };
}

/** True or false. */
export function flag(about: string, fallback: boolean): Field<boolean> {
  return {
    about,
    schema: { type: "boolean", default: fallback },
    read(value, path) {
      if (value === undefined || value === null) return fallback;
      if (typeof value === "boolean") return value;
      throw wrong(path, "true or false", value);
    },
  };
}

/** An absolute path. */
export function path(about: string, fallback: string): Field<string> {
  return {
    about,
    schema: { type: "string", pattern: "^/", default: fallback },
    read(value, at) {
      if (value === undefined || value === null) return fallback;
      if (typeof value === "string" && value.startsWith("/")) return value;
      throw wrong(at, "an absolute path", value);
    },
  };
}

/** An absolute path, or none. */
export function optionalPath(about: string): Field<string | undefined> {
  const given = path(about, "/");
  return {
    about,
    schema: { type: "string", pattern: "^/" },
    read: (value, at) => (value === undefined || value === null ? undefined : given.read(value, at)),
  };
}

/** A name that is also one of files and networks: letters, digits, dots, hyphens and underscores. */
export function name(about: string, fallback: string): Field<string> {
  const pattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
  return {
    about,
    schema: { type: "string", pattern: pattern.source, default: fallback },
    read(value, at) {
      if (value === undefined || value === null) return fallback;
      if (typeof value === "string" && pattern.test(value)) return value;
      throw wrong(at, "letters, digits, dots, hyphens and underscores, the first a letter or a digit", value);
    },
  };
}

/** Names of the node's devices. */
export function deviceNames(about: string): Field<readonly string[]> {
  const pattern = /^[^\s/]{1,15}$/;
  return {
    about,
    schema: { type: "array", items: { type: "string", pattern: pattern.source }, default: [] },
    read(value, at) {
      if (value === undefined || value === null) return [];
      if (!Array.isArray(value)) throw wrong(at, "a list of devices like eth0", value);
      return value.map((entry: unknown, index) => {
        if (typeof entry === "string" && pattern.test(entry)) return entry;
        throw wrong(`${at}[${index}]`, "a device like eth0", entry);
      });
    },
  };
}

/** Blocks of addresses of either family, whose form JSON Schema has no word for; host bits are cleared. */
export function blocks(about: string): Field<readonly Cidr[]> {
  return {
    about,
    schema: { type: "array", items: { type: "string" }, default: [] },
    read(value, at) {
      if (value === undefined || value === null) return [];
      if (!Array.isArray(value)) throw wrong(at, "a list of blocks like 10.0.0.0/8", value);
      return value.map((entry: unknown, index) => {
        const block = typeof entry === "string" ? parseIfAddr(entry) : undefined;
        if (block === undefined) throw wrong(`${at}[${index}]`, "a block like 10.0.0.0/8", entry);
        return networkOf(block);
      });
    },
  };
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function unknown(path: string, name: string, known: readonly string[]): ConfigError {
  const near = nearest(name, known);
  const advice = near === undefined ? `known here are ${known.join(", ")}` : `did you mean ${near}?`;
  return new ConfigError(`field "${path}" is unknown: ${advice}`);
}

function wrong(path: string, wanted: string, found: unknown): ConfigError {
  const place = path === "" ? "the configuration" : `field "${path}"`;
  return new ConfigError(`${place} must be ${wanted}, found ${JSON.stringify(found)}`);
}
