// What a caller accepts, by its header.

import { describe, expect, test } from "bun:test";
import { thrownBy } from "#test/thrown.ts";
import { type Form, negotiate } from "./negotiate.ts";

describe("negotiate()", () => {
  const json: Form = { as: "object", encoding: "json" };
  const table = "application/json;as=Table;v=v1;g=meta.k8s.io";
  const rows: readonly (readonly [accept: string | undefined, form: Form])[] = [
    [undefined, json],
    ["", json],
    ["*/*", json],
    ["application/*", json],
    ["application/json", json],
    ["APPLICATION/JSON; charset=utf-8", json],
    ["application/yaml", { as: "object", encoding: "yaml" }],
    ["application/json;q=0.5,application/yaml", { as: "object", encoding: "yaml" }],
    ["application/vnd.kubernetes.protobuf, */*", json],
    [`${table},application/json`, { as: "table", version: "v1" }],
    ["application/json;as=Table;v=v1beta1;g=meta.k8s.io", { as: "table", version: "v1beta1" }],
    ["application/json;as=Table;v=v2;g=meta.k8s.io,application/json", json],
    ["application/json;as=Other;v=v1;g=meta.k8s.io,application/json", json],
    ["application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", { as: "metadata" }],
    ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", json],
  ];
  for (const [accept, form] of rows) {
    test(`gives ${JSON.stringify(form)} for ${accept}`, () => expect(negotiate(accept)).toEqual(form));
  }

  for (const accept of [
    "application/vnd.kubernetes.protobuf",
    "text/html",
    "application/json;as=Table;v=v9;g=meta.k8s.io",
  ]) {
    test(`has nothing for ${accept}`, () => {
      expect(thrownBy(() => negotiate(accept))).toMatchObject({ code: "NotAcceptable", httpCode: 406 });
    });
  }
});
