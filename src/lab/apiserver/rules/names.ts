// The forms of names in objects, and the words in which Kubernetes says that one is wrong.

import type { Cause } from "#kube/kube-error.ts";
import { invalidValue } from "#lab/apiserver/schema/cause.ts";

const labelForm = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const serviceForm = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const subdomainForm = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const portNameForm = /^(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*$/;
const keyForm = /^[-._a-zA-Z0-9]+$/;

const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
const serviceRule =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";

function isLabel(text: string): boolean {
  return text.length <= 63 && labelForm.test(text);
}

/** RFC 1123 label, as names of containers and volumes are. */
export function labelFaults(field: string, text: string): readonly Cause[] {
  return isLabel(text) ? [] : [invalidValue(field, text, labelRule)];
}

/** RFC 1035 label, as names of services are. */
export function serviceNameFaults(field: string, text: string): readonly Cause[] {
  return text.length <= 63 && serviceForm.test(text) ? [] : [invalidValue(field, text, serviceRule)];
}

export function subdomainFaults(field: string, text: string): readonly Cause[] {
  return text.length <= 253 && subdomainForm.test(text) ? [] : [invalidValue(field, text, subdomainRule)];
}

/** Names that a target port may have: IANA service names. */
export function portNameFaults(field: string, text: string): readonly Cause[] {
  if (text.length <= 15 && portNameForm.test(text)) return [];
  const rule =
    "must be no more than 15 characters, contain at least one letter, and only a-z, 0-9 and single '-' in between";
  return [invalidValue(field, text, rule)];
}

/** Keys of ConfigMaps and Secrets: they become names of files. */
export function dataKeyFaults(field: string, key: string): readonly Cause[] {
  if (key.length <= 253 && keyForm.test(key) && key !== "." && !key.startsWith("..")) return [];
  return [
    invalidValue(
      `${field}[${key}]`,
      key,
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    ),
  ];
}

export function portFaults(field: string, port: number | undefined): readonly Cause[] {
  if (port === undefined) return [];
  return port >= 1 && port <= 65_535 ? [] : [invalidValue(field, port, "must be between 1 and 65535, inclusive")];
}
