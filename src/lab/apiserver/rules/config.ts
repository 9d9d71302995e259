// ConfigMaps and Secrets: their keys, and that an immutable one stays as it is.

import { sameJson } from "#base/same-json.ts";
import type { Cause } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import type { Rules } from "#lab/apiserver/registry.ts";
import { forbiddenField, invalidValue } from "#lab/apiserver/schema/cause.ts";
import { dataKeyFaults } from "./names.ts";

type Data = {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
  readonly type?: string;
};

function dataOf(object: KubeObject): Data {
  return object as Data;
}

export const configMapRules: Rules = {
  validate: (object, old) => {
    const { data = {}, binaryData = {} } = dataOf(object);
    const twice = Object.keys(data).filter((key) => Object.hasOwn(binaryData, key));
    return [
      ...Object.keys(data).flatMap((key) => dataKeyFaults("data", key)),
      ...Object.keys(binaryData).flatMap((key) => dataKeyFaults("binaryData", key)),
      ...twice.map((key) => invalidValue(`data[${key}]`, key, "duplicate of key present in binaryData")),
      ...immutableFaults(object, old),
    ];
  },
};

export const secretRules: Rules = {
  prepareCreate: (object) => withData(object),
  prepareUpdate: (object) => withData(object),
  validate: (object, old) => {
    const { data = {}, type } = dataOf(object);
    const changed = old !== undefined && type !== dataOf(old).type;
    return [
      ...Object.keys(data).flatMap((key) => dataKeyFaults("data", key)),
      ...(changed ? [invalidValue("type", type, "field is immutable")] : []),
      ...immutableFaults(object, old),
    ];
  },
};

/** `stringData` is for writing only: it becomes `data`. */
function withData(object: KubeObject): KubeObject {
  const { stringData, ...rest } = object as KubeObject & Data;
  if (stringData === undefined) return object;
  const encoded = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
  return { ...rest, data: { ...dataOf(object).data, ...Object.fromEntries(encoded) } } as KubeObject;
}

function immutableFaults(object: KubeObject, old: KubeObject | undefined): readonly Cause[] {
  if (old === undefined || dataOf(old).immutable !== true) return [];
  const content = ({ data = {}, binaryData = {} }: Data) => ({ data, binaryData });
  const kept = dataOf(object).immutable === true && sameJson(content(dataOf(object)), content(dataOf(old)));
  return kept ? [] : [forbiddenField("data", "field is immutable when `immutable` is set")];
}
