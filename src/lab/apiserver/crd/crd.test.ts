// CustomResourceDefinitions: what is wrong with them, and what they bring.
import { describe, expect, test } from "bun:test";
import type { KubeObject } from "#kube/object.ts";
import { applyDefaults } from "#lab/apiserver/schema/defaults.ts";
import { schemaOf } from "#lab/apiserver/schema/definitions.ts";
import { prune, unknownFields } from "#lab/apiserver/schema/prune.ts";
import { anything } from "#lab/apiserver/schema/schema.ts";
import { validateSchema } from "#lab/apiserver/schema/validate.ts";
import { compareVersions, crdDefinition } from "./definition.ts";
import { isEstablished, withCrdStatus } from "./status.ts";
import { validateCrd } from "./validate-crd.ts";

/** The CronTab of Kubernetes' documentation. */
const cronTabSchema = {
  type: "object",
  required: ["spec"],
  properties: {
    metadata: { type: "object", properties: { name: { type: "string", maxLength: 8 } } },
    spec: {
      type: "object",
      required: ["cronSpec"],
      properties: {
        cronSpec: { type: "string", pattern: "^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$", default: "5 0 * * *" },
        image: { type: "string" },
        replicas: { type: "integer", minimum: 1, maximum: 10 },
        port: { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] },
        any: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      },
    },
    status: { type: "object", properties: { replicas: { type: "integer" } } },
  },
};

type Change = { readonly [path: string]: unknown };

/** A definition with some fields changed: `versions[0]` is `version`, its schema `schema`. */
function cronTabs({
  schema = cronTabSchema,
  version = {},
  names = {},
  spec = {},
  metadata = {},
}: {
  readonly schema?: unknown;
  readonly version?: Change;
  readonly names?: Change;
  readonly spec?: Change;
  readonly metadata?: Change;
} = {}): KubeObject {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "crontabs.stable.example.com", ...metadata },
    spec: {
      group: "stable.example.com",
      scope: "Namespaced",
      names: { plural: "crontabs", singular: "crontab", kind: "CronTab", shortNames: ["ct"], ...names },
      versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema }, ...version }],
      ...spec,
    },
  };
}

function faultsOf(crd: KubeObject, old?: KubeObject): readonly string[] {
  return validateCrd(crd, old).map(({ field, message }) => `${field}: ${message}`);
}

describe("validateCrd()", () => {
  test("has nothing against the documentation's example", () => {
    expect(
      validateSchema(schemaOf("apiextensions.k8s.io", "v1", "CustomResourceDefinition") ?? anything, cronTabs()),
    ).toEqual([]);
    expect(
      unknownFields(schemaOf("apiextensions.k8s.io", "v1", "CustomResourceDefinition") ?? anything, cronTabs()),
    ).toEqual([]);
    expect(faultsOf(cronTabs())).toEqual([]);
  });

  const at = "spec.versions[0].schema.openAPIV3Schema";
  const object = (properties: object, more: object = {}) => ({ type: "object", properties, ...more });
  const rows: readonly (readonly [what: string, crd: KubeObject, fault: string])[] = [
    [
      "a name that does not follow",
      cronTabs({ metadata: { name: "x" } }),
      'metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group',
    ],
    [
      "a scope that does not exist",
      cronTabs({ spec: { scope: "World" } }),
      'spec.scope: Unsupported value: "World": supported values: "Cluster", "Namespaced"',
    ],
    [
      "no storage version",
      cronTabs({ version: { storage: false } }),
      'spec.versions: Invalid value: ["v1"]: must have exactly one version marked as storage version',
    ],
    ["no schema", cronTabs({ version: { schema: undefined } }), `${at}: Required value: schemas are required`],
    [
      "webhooks",
      cronTabs({ spec: { conversion: { strategy: "Webhook" } } }),
      'spec.conversion.strategy: Unsupported value: "Webhook": supported values: "None"',
    ],
    ["a root without type", cronTabs({ schema: {} }), `${at}.type: Required value: must not be empty at the root`],
    [
      "a root that is no object",
      cronTabs({ schema: { type: "string" } }),
      `${at}.type: Invalid value: "string": must be object at the root`,
    ],
    [
      "a field without type",
      cronTabs({ schema: object({ a: {} }) }),
      `${at}.properties[a].type: Required value: must not be empty for specified object fields`,
    ],
    [
      "a list without items",
      cronTabs({ schema: object({ a: { type: "array" } }) }),
      `${at}.properties[a].items: Required value: must be specified`,
    ],
    [
      "items without type",
      cronTabs({ schema: object({ a: { type: "array", items: {} } }) }),
      `${at}.properties[a].items.type: Required value: must not be empty for specified array items`,
    ],
    [
      "a type with int-or-string",
      cronTabs({ schema: object({ a: { type: "string", "x-kubernetes-int-or-string": true } }) }),
      `${at}.properties[a].type: Invalid value: "string": must be empty if x-kubernetes-int-or-string is true`,
    ],
    [
      "properties beside additionalProperties",
      cronTabs({ schema: object({ a: object({}, { additionalProperties: { type: "string" } }) }) }),
      `${at}.properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`,
    ],
    [
      "unique items",
      cronTabs({ schema: object({ a: { type: "array", items: { type: "string" }, uniqueItems: true } }) }),
      `${at}.properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic`,
    ],
    [
      "a type in a condition",
      cronTabs({ schema: object({ a: { type: "string" } }, { anyOf: [{ properties: { a: { type: "string" } } }] }) }),
      `${at}.anyOf[0].properties[a].type: Forbidden: must be empty to be structural`,
    ],
    [
      "a field that only a condition knows",
      cronTabs({ schema: object({}, { oneOf: [{ properties: { a: { minimum: 1 } } }] }) }),
      `${at}.properties[a]: Required value: because it is defined in ${at}.oneOf[0].properties[a]`,
    ],
    [
      "restricted metadata",
      cronTabs({ schema: object({ metadata: object({ labels: { type: "object" } }) }) }),
      `${at}.properties[metadata].properties[labels]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified: "labels"`,
    ],
    [
      "a default that does not fit",
      cronTabs({ schema: object({ a: { type: "integer", default: "x" } }) }),
      `${at}.properties[a].default: Invalid value: "x": Invalid value: "string": <root> in body must be of type integer: "string"`,
    ],
    [
      "a default that is pruned",
      cronTabs({ schema: object({ a: object({}, { default: { b: 1 } }) }) }),
      `${at}.properties[a].default: Invalid value: {"b":1}: must not have unknown fields`,
    ],
    [
      "a pattern that is none",
      cronTabs({ schema: object({ a: { type: "string", pattern: "(" } }) }),
      `${at}.properties[a].pattern: Invalid value: "(": must be a valid regular expression`,
    ],
    [
      "a map list without keys",
      cronTabs({ schema: object({ a: { type: "array", items: object({}), "x-kubernetes-list-type": "map" } }) }),
      `${at}.properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`,
    ],
    [
      "a column of no type",
      cronTabs({ version: { additionalPrinterColumns: [{ name: "A", type: "text", jsonPath: ".a" }] } }),
      'spec.versions[0].additionalPrinterColumns[0].type: Unsupported value: "text": supported values: "boolean", "date", "integer", "number", "string"',
    ],
    [
      "a scale outside of spec",
      cronTabs({
        version: { subresources: { scale: { specReplicasPath: ".status.a", statusReplicasPath: ".status.a" } } },
      }),
      'spec.versions[0].subresources.scale.specReplicasPath: Invalid value: ".status.a": should be a json path under .spec',
    ],
    [
      "a protected group",
      cronTabs({ metadata: { name: "crontabs.x.k8s.io" }, spec: { group: "x.k8s.io" } }),
      'metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation "api-approved.kubernetes.io"',
    ],
    [
      "a rule that cannot be read",
      cronTabs({ schema: object({}, { "x-kubernetes-validations": [{ rule: "self.a >" }] }) }),
      `${at}.x-kubernetes-validations[0].rule: Invalid value: "self.a >": rule compilation failed: Unexpected token: EOF`,
    ],
  ];
  for (const [what, crd, fault] of rows) {
    test(`finds ${what}`, () => {
      expect(faultsOf(crd)).toEqual([fault]);
    });
  }

  test("keeps what stored objects rely on", () => {
    const old = withCrdStatus(cronTabs(), [], "2026-01-01T00:00:00Z");
    expect(faultsOf(cronTabs({ spec: { scope: "Cluster" } }), old)).toEqual([
      'spec.scope: Invalid value: "Cluster": field is immutable',
    ]);
    expect(faultsOf(cronTabs({ version: { name: "v2" } }), old)).toEqual([
      "spec.versions: Forbidden: v1 is in status.storedVersions: objects may be stored in it, so it must stay",
    ]);
  });
});

describe("crdDefinition()", () => {
  const definition = crdDefinition(
    cronTabs({
      names: { singular: undefined, listKind: undefined },
      version: {
        subresources: {
          status: {},
          scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" },
        },
        selectableFields: [{ jsonPath: ".spec.image" }],
      },
    }),
  );
  const schema = definition.versions[0]?.schema() ?? anything;
  const cronTab = (spec: object, more: object = {}): KubeObject => ({
    apiVersion: "stable.example.com/v1",
    kind: "CronTab",
    metadata: { name: "a" },
    spec,
    ...more,
  });

  test("has the names that follow, subresources and columns", () => {
    expect(definition).toMatchObject({
      singular: "crontab",
      listKind: "CronTabList",
      namespaced: true,
      custom: true,
      selectableFields: ["spec.image"],
      subresources: [{ name: "status" }, { name: "scale", scale: { specReplicas: ["spec", "replicas"] } }],
      versions: [{ name: "v1", columns: [{ name: "Age", jsonPath: ".metadata.creationTimestamp" }] }],
    });
  });

  test("prunes and defaults objects", () => {
    const sent = cronTab({ image: "x", imagge: "y", any: { z: 1 } }, { extra: 1 });
    expect(unknownFields(schema, sent)).toEqual(["spec.imagge", "extra"]);
    expect(applyDefaults(schema, prune(schema, sent))).toEqual(
      cronTab({ image: "x", any: { z: 1 }, cronSpec: "5 0 * * *" }),
    );
  });

  test("finds what is wrong with objects", () => {
    const wrong = cronTab({ cronSpec: "* * * *", replicas: 15, port: true }, { metadata: { name: "much-too-long" } });
    expect(validateSchema(schema, wrong).map(({ field, message }) => `${field}: ${message}`)).toEqual([
      "metadata.name: Too long: may not be more than 8 bytes",
      "spec.cronSpec: Invalid value: \"* * * *\": spec.cronSpec in body should match '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$'",
      "spec.replicas: Invalid value: 15: spec.replicas in body should be less than or equal to 10",
      'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"',
    ]);
    expect(validateSchema(schema, { ...cronTab({}), spec: undefined })).toMatchObject([
      { field: "spec", reason: "FieldValueRequired" },
    ]);
  });
});

describe("rules of a definition", () => {
  const count = { type: "integer" };
  const schema = {
    type: "object",
    properties: {
      spec: {
        type: "object",
        properties: { min: count, max: count },
        "x-kubernetes-validations": [
          { rule: "self.min <= self.max", message: "min is above max" },
          { rule: "self.max >= oldSelf.max", message: "max may only grow" },
        ],
      },
    },
  };
  const { validate } = crdDefinition(cronTabs({ schema })).rules;
  const cronTab = (spec: object): KubeObject => ({
    apiVersion: "stable.example.com/v1",
    kind: "CronTab",
    metadata: { name: "a" },
    spec,
  });
  const rows: readonly (readonly [what: string, now: object, old: object | undefined, messages: readonly string[]])[] =
    [
      ["fits", { min: 1, max: 2 }, undefined, []],
      ["breaks one", { min: 3, max: 2 }, undefined, ['Invalid value: "object": min is above max']],
      [
        "breaks one about changes",
        { min: 1, max: 2 },
        { min: 1, max: 5 },
        ['Invalid value: "object": max may only grow'],
      ],
      ["has a wrong shape, of which the schema speaks", { min: "x", max: 2 }, undefined, []],
    ];
  for (const [what, now, old, messages] of rows) {
    test(`are looked at: an object that ${what}`, () => {
      const causes = validate?.(cronTab(now), old === undefined ? undefined : cronTab(old)) ?? [];
      expect(causes.map(({ message }) => message)).toEqual([...messages]);
    });
  }
});

describe("compareVersions()", () => {
  test("sorts as the documentation does", () => {
    const sorted = ["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"];
    expect(sorted.toReversed().sort(compareVersions)).toEqual(sorted);
  });
});

describe("withCrdStatus()", () => {
  const now = "2026-01-01T00:00:00Z";
  const pods = { plural: "pods", singular: "pod", shortNames: ["po"], kind: "Pod", listKind: "PodList" };

  test("establishes a definition whose names are free, once", () => {
    const established = withCrdStatus(cronTabs(), [pods], now);
    expect(established["status"]).toMatchObject({
      acceptedNames: { plural: "crontabs" },
      conditions: [
        { type: "NamesAccepted", status: "True", reason: "NoConflicts", lastTransitionTime: now },
        { type: "Established", status: "True", reason: "InitialNamesAccepted" },
      ],
      storedVersions: ["v1"],
    });
    expect(isEstablished(established)).toBe(true);
    expect(withCrdStatus(established, [pods], "2026-01-02T00:00:00Z")).toBe(established);
  });

  const taken: readonly (readonly [names: Change, reason: string])[] = [
    [{ plural: "pods" }, "PluralConflict"],
    [{ singular: "po" }, "SingularConflict"],
    [{ shortNames: ["x", "pod"] }, "ShortNamesConflict"],
    [{ kind: "Pod" }, "KindConflict"],
    [{ listKind: "PodList" }, "ListKindConflict"],
  ];
  for (const [names, reason] of taken) {
    test(`refuses ${JSON.stringify(names)}: ${reason}`, () => {
      const refused = withCrdStatus(cronTabs({ names }), [pods], now);
      expect(isEstablished(refused)).toBe(false);
      expect(refused["status"]).toMatchObject({ conditions: [{ status: "False", reason }, { reason: "NotAccepted" }] });
    });
  }
});
