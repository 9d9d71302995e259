// Bodies in protobuf (application/vnd.kubernetes.protobuf), as newer kubectls send objects that they have made themselves.

import { badRequest, kubeError } from "#kube/kube-error.ts";
import { definition, definitionName } from "#lab/apiserver/schema/definitions.ts";
import type { Fields } from "#lab/apiserver/schema/json.ts";
import { itemSchema, type Schema } from "#lab/apiserver/schema/schema.ts";
import { fieldTable, type WireField } from "./field-table.ts";
import { bytesOf, decodeUtf8, intOrString, specialTypes, textOf } from "./special.ts";
import { readMessage, readVarint, signed, type WireValue } from "./wire.ts";

export const protobufMediaType = "application/vnd.kubernetes.protobuf";

/** What a body begins with ("Protobuf encoding" in the documentation of Kubernetes' API concepts). */
const magic = new Uint8Array([0x6b, 0x38, 0x73, 0x00]);

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";
/** Kinds of any group and version. */
const kindsOfAll: readonly string[] = ["DeleteOptions", "Status"];

/**
 * The object in a body, as its JSON would be.
 * @throws KubeError BadRequest for bytes that are no such object, UnsupportedMediaType for a kind that has no protobuf form here
 */
export function decodeProtobufBody(body: Uint8Array): Fields {
  if (!magic.every((byte, index) => body[index] === byte)) throw malformed('it does not begin with "k8s" and a zero');
  try {
    // runtime.Unknown: typeMeta = 1 (apiVersion = 1, kind = 2), raw = 2, contentEncoding = 3, contentType = 4.
    const unknown = readMessage(body.subarray(magic.length));
    const type = readMessage(bytesOf(unknown, 1) ?? new Uint8Array());
    const [apiVersion, kind] = [textOf(type, 1), textOf(type, 2)];
    const message = decodeMessage(typeNameOf(apiVersion, kind), bytesOf(unknown, 2) ?? new Uint8Array());
    return { apiVersion, kind, ...message };
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError) {
      throw malformed(error.message);
    }
    throw error;
  }
}

function malformed(why: string): Error {
  return badRequest(`Cannot decode the protobuf body: ${why}`);
}

function typeNameOf(apiVersion: string, kind: string): string {
  const [version = "", group = ""] = apiVersion.split("/").reverse();
  const name = kindsOfAll.includes(kind) ? `${meta}.${kind}` : definitionName(group, version, kind);
  if (name !== undefined && fieldTable().has(name)) return name;
  throw kubeError(
    "UnsupportedMediaType",
    `the body of the request is a ${kind} of ${apiVersion} in protobuf, which this server does not know: send JSON`,
  );
}

function decodeMessage(typeName: string, bytes: Uint8Array): Fields {
  const schema = definition(typeName);
  const fields = new Map<string, unknown>();
  decodeInto(fields, schema, typeName, bytes);
  return Object.fromEntries(fields);
}

/** `schema` is that of the JSON object; the message may be a part of it that stands inline. */
function decodeInto(fields: Map<string, unknown>, schema: Schema, typeName: string, bytes: Uint8Array): void {
  const table = fieldTable().get(typeName);
  for (const wire of readMessage(bytes)) {
    const field = table?.get(wire.number);
    if (field === undefined) continue; // a field of a newer release
    if ("inline" in field) decodeInto(fields, schema, field.inline, expectBytes(wire));
    else setField(fields, schema, field, wire);
  }
}

type NamedField = Exclude<WireField, { readonly inline: string }>;

function setField(fields: Map<string, unknown>, schema: Schema, field: NamedField, wire: WireValue): void {
  const property = schema.properties?.[field.name] ?? {};
  const old = fields.get(field.name);
  if (property.type === "array") {
    const items = decodeItems(itemSchemaOf(property), wire);
    fields.set(field.name, Array.isArray(old) ? [...old, ...items] : items);
  } else if (property.type === "object" && typeof property.additionalProperties === "object") {
    const entry = decodeEntry(property.additionalProperties, expectBytes(wire));
    fields.set(field.name, { ...(old as Fields | undefined), ...entry });
  } else {
    const value = decodeValue(property, wire);
    const isZero = value === "" || value === 0 || value === false;
    const counts = field.keepsZero || schema.required?.includes(field.name) === true;
    if (value !== undefined && (!isZero || counts)) fields.set(field.name, value);
  }
}

/** The items' own schema, with the reference in it still there: it names the message. */
function itemSchemaOf(property: Schema): Schema {
  return property.items ?? itemSchema(property);
}

/** One item, or several numbers in one run of bytes ("packed"). */
function decodeItems(items: Schema, wire: WireValue): readonly unknown[] {
  if (items.type !== "integer" || wire.kind !== "bytes") return [decodeValue(items, wire)];
  const values: number[] = [];
  for (let at = 0; at < wire.bytes.length; ) {
    const { value, end } = readVarint(wire.bytes, at);
    values.push(signed(value));
    at = end;
  }
  return values;
}

/** An entry of a map: a message of key and value. */
function decodeEntry(values: Schema, bytes: Uint8Array): Fields {
  const fields = readMessage(bytes);
  const wire = fields.findLast(({ number }) => number === 2);
  if (wire !== undefined) return { [textOf(fields, 1)]: decodeValue(values, wire) };
  return { [textOf(fields, 1)]: values.type === "array" ? [] : "" };
}

function decodeValue(schema: Schema, wire: WireValue): unknown {
  if (schema.$ref !== undefined) {
    const special = specialTypes[schema.$ref];
    return special === undefined ? decodeMessage(schema.$ref, expectBytes(wire)) : special(expectBytes(wire));
  }
  if (schema["x-kubernetes-int-or-string"] === true) return intOrString(expectBytes(wire));
  switch (schema.type) {
    case "string":
      return schema.format === "byte" ? expectBytes(wire).toBase64() : decodeUtf8(expectBytes(wire));
    case "boolean":
      return expectNumber(wire) !== 0;
    case "integer":
      return expectNumber(wire);
    case "array":
      // A list as the value of a map has a message of its own (`items = 1`).
      return readMessage(expectBytes(wire)).flatMap((item) => decodeItems(itemSchemaOf(schema), item));
    default:
      throw new RangeError(`field ${wire.number} has a type without a protobuf form`);
  }
}

function expectBytes(wire: WireValue): Uint8Array {
  if (wire.kind === "bytes") return wire.bytes;
  throw new RangeError(`field ${wire.number} is a number and should be bytes`);
}

function expectNumber(wire: WireValue): number {
  if (wire.kind === "number") return signed(wire.bits);
  throw new RangeError(`field ${wire.number} is bytes and should be a number`);
}
