// Formats of strings and numbers that schemas name; a format that is not listed says nothing.

import { isIP, isIPv4, isIPv6 } from "node:net";
import { parseQuantity } from "#kube/quantity.ts";

const int32 = { min: -(2 ** 31), max: 2 ** 31 - 1 };

// RFC 3339, section 5.6.
const dateForm = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const dateTimeForm =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const base64Form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const hostnameForm = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/i;
const uuidForm = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const durationForm = /^[+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w))*$/;

const strings: Readonly<Record<string, (text: string) => boolean>> = {
  byte: (text) => base64Form.test(text.replace(/[\r\n]/g, "")),
  cidr: isCidr,
  date: (text) => dateForm.test(text),
  "date-time": (text) => dateTimeForm.test(text),
  duration: (text) => text === "0" || durationForm.test(text),
  email: (text) => /^[^@\s]+@[^@\s]+$/.test(text),
  hostname: (text) => hostnameForm.test(text),
  ip: (text) => isIP(text) !== 0,
  ipv4: isIPv4,
  ipv6: isIPv6,
  mac: (text) => /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(text),
  quantity: (text) => parseQuantity(text) !== undefined,
  uri: (text) => URL.canParse(text),
  uuid: (text) => uuidForm.test(text),
};

/** Whether a value has the format; of values of another kind than the format speaks of nothing is said. */
export function hasFormat(format: string, value: unknown): boolean {
  if (typeof value === "string") return !Object.hasOwn(strings, format) || strings[format]?.(value) === true;
  if (format !== "int32" || typeof value !== "number") return true;
  return value >= int32.min && value <= int32.max;
}

function isCidr(text: string): boolean {
  const [address = "", length = "", ...rest] = text.split("/");
  const bits = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  return rest.length === 0 && /^\d{1,3}$/.test(length) && Number(length) <= bits;
}
