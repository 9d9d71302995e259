// Schemas as an OpenAPI document holds them: with descriptions, and all types that they refer to.

import { definition, readDescriptions } from "#lab/apiserver/schema/definitions.ts";
import type { Schema } from "#lab/apiserver/schema/schema.ts";

const intOrString = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
const quantity = "io.k8s.apimachinery.pkg.api.resource.Quantity";

/** Types that are one of two in JSON: OpenAPI has words for that, our own schemas an extension. */
const unions: Readonly<Record<string, object>> = {
  [intOrString]: {
    description: "IntOrString is a type that can hold an int32 or a string.",
    format: "int-or-string",
    oneOf: [{ type: "integer" }, { type: "string" }],
  },
  [quantity]: {
    description: "Quantity is a fixed-point representation of a number.",
    oneOf: [{ type: "string" }, { type: "number" }],
  },
};

/** Collects the schemas of a document; references are followed when they are met. */
export class SchemaCollection {
  readonly #schemas = new Map<string, object>();
  readonly #descriptions = readDescriptions();

  /** All schemas so far, by name. */
  get schemas(): Readonly<Record<string, object>> {
    return Object.fromEntries([...this.#schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Adds a published type, unless there is one of this name. */
  addDefinition(name: string): void {
    if (!this.#schemas.has(name)) this.add(name, definition(name));
  }

  add(name: string, schema: Schema): void {
    // Before its fields: types refer to themselves.
    this.#schemas.set(name, {});
    const texts = this.#descriptions[name] ?? {};
    const { "": text, ...fields } = texts;
    this.#schemas.set(name, unions[name] ?? describe(this.#convert(schema, fields), text));
  }

  /** `texts` describe the fields of a published type; a CRD's schema has descriptions of its own. */
  #convert(schema: Schema, texts: Readonly<Record<string, string>> = {}): object {
    const { $ref, properties, items, additionalProperties, ...rest } = schema;
    if ($ref !== undefined) return this.#convertReference($ref, rest);
    if (rest.format === "int-or-string" && rest.type === undefined) {
      if (!this.#schemas.has(intOrString)) this.add(intOrString, {});
      const { format: _format, "x-kubernetes-int-or-string": _either, ...beside } = rest;
      return reference(intOrString, beside);
    }
    const named = Object.entries(properties ?? {});
    return {
      ...rest,
      ...(properties === undefined
        ? {}
        : {
            properties: Object.fromEntries(
              named.map(([name, property]) => [name, describe(this.#convert(property), texts[name])]),
            ),
          }),
      ...(items === undefined ? {} : { items: this.#convert(items) }),
      ...(additionalProperties === undefined
        ? {}
        : {
            additionalProperties:
              typeof additionalProperties === "boolean" ? additionalProperties : this.#convert(additionalProperties),
          }),
    };
  }

  #convertReference(name: string, beside: Schema): object {
    this.addDefinition(name);
    return reference(name, beside);
  }
}

/** Nothing may stand beside `$ref`: with company it goes into `allOf`. */
function reference(name: string, beside: object): object {
  const $ref = `#/components/schemas/${name}`;
  return Object.keys(beside).length === 0 ? { $ref } : { ...beside, allOf: [{ $ref }] };
}

function describe(schema: object, description: string | undefined): object {
  if (description === undefined) return schema;
  if (!("$ref" in schema)) return { description, ...schema };
  return { description, allOf: [schema] };
}
