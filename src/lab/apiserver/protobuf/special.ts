// Messages whose JSON is a single value: times, quantities, numbers that may be text, JSON in bytes.

import { readMessage, signed, type WireValue } from "./wire.ts";

/** Reads a message; undefined when it stands for an absent field. */
type SpecialType = (bytes: Uint8Array) => unknown;

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";

export const specialTypes: Readonly<Record<string, SpecialType>> = {
  [`${meta}.Time`]: (bytes) =>
    timeOf(bytes)
      ?.toISOString()
      .replace(/\.\d+Z$/, "Z"),
  [`${meta}.MicroTime`]: microTime,
  [`${meta}.FieldsV1`]: embeddedJson,
  "io.k8s.apimachinery.pkg.runtime.RawExtension": embeddedJson,
  "io.k8s.apimachinery.pkg.api.resource.Quantity": (bytes) => textOf(readMessage(bytes), 1),
};

/** Seconds and nanoseconds since 1970; nothing at all is Go's zero time. */
function timeOf(bytes: Uint8Array): Date | undefined {
  if (bytes.length === 0) return undefined;
  const fields = readMessage(bytes);
  const [seconds, nanos] = [numberOf(fields, 1), numberOf(fields, 2)];
  const date = new Date(seconds * 1000 + nanos / 1e6);
  if (Number.isNaN(date.getTime())) throw new RangeError(`${seconds} seconds are no time`);
  return seconds === 0 && nanos === 0 ? undefined : date;
}

function microTime(bytes: Uint8Array): string | undefined {
  const date = timeOf(bytes);
  if (date === undefined) return undefined;
  const micros = Math.floor(numberOf(readMessage(bytes), 2) / 1000);
  return date.toISOString().replace(/\.\d+Z$/, `.${String(micros).padStart(6, "0")}Z`);
}

function embeddedJson(bytes: Uint8Array): unknown {
  const text = textOf(readMessage(bytes), 1);
  return text === "" ? undefined : JSON.parse(text);
}

/** util/intstr IntOrString: type (0 is a number, 1 is text), number, text. */
export function intOrString(bytes: Uint8Array): number | string {
  const fields = readMessage(bytes);
  return numberOf(fields, 1) === 1 ? textOf(fields, 3) : numberOf(fields, 2);
}

export function textOf(fields: readonly WireValue[], number: number): string {
  return decodeUtf8(bytesOf(fields, number) ?? new Uint8Array());
}

export function bytesOf(fields: readonly WireValue[], number: number): Uint8Array | undefined {
  const field = fields.findLast((field) => field.number === number);
  return field?.kind === "bytes" ? field.bytes : undefined;
}

function numberOf(fields: readonly WireValue[], number: number): number {
  const field = fields.findLast((field) => field.number === number);
  return field?.kind === "number" ? signed(field.bits) : 0;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

export function decodeUtf8(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}
