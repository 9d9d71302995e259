// Schemas of built-in kinds: what is published, unknown, missing, wrong.
import { describe, expect, test } from "bun:test";
import { applyDefaults } from "./defaults.ts";
import { definition, definitionName, definitions, readDescriptions, schemaOf } from "./definitions.ts";
import { prune, unknownFields } from "./prune.ts";
import { anything, itemSchema, propertySchema, type Schema } from "./schema.ts";
import { validateSchema } from "./validate.ts";

const pod = schemaOf("", "v1", "Pod") ?? anything;
const service = schemaOf("", "v1", "Service") ?? anything;

describe("the published schemas", () => {
  test("hold every reference they make", () => {
    const references = [...JSON.stringify(definitions()).matchAll(/"\$ref":"([^"]+)"/g)].map(([, name = ""]) => name);
    expect(references.length).toBeGreaterThan(500);
    expect(references.filter((name) => definition(name) === undefined)).toEqual([]);
  });

  test("know kinds by group and version", () => {
    expect(definitionName("apps", "v1", "Deployment")).toBe("io.k8s.api.apps.v1.Deployment");
    expect(definitionName("", "v1", "Pod")).toBe("io.k8s.api.core.v1.Pod");
    expect(schemaOf("apps", "v1", "Pod")).toBeUndefined();
  });

  test("describe types and fields", () => {
    const texts = readDescriptions()["io.k8s.api.core.v1.PodSpec"];
    expect(texts?.[""]).toBe("PodSpec is a description of a pod.");
    expect(texts?.["nodeName"]).toContain("schedule this pod onto a specific node");
  });

  const facts: readonly (readonly [type: string, field: string, facts: object])[] = [
    ["PodSpec", "containers", { "x-kubernetes-patch-merge-key": "name", "x-kubernetes-list-map-keys": ["name"] }],
    [
      "ServiceSpec",
      "ports",
      { "x-kubernetes-patch-merge-key": "port", "x-kubernetes-list-map-keys": ["port", "protocol"] },
    ],
    ["PodSpec", "volumes", { "x-kubernetes-patch-strategy": "merge,retainKeys" }],
    ["PodSpec", "tolerations", { "x-kubernetes-list-type": "atomic" }],
    ["ContainerPort", "containerPort", { type: "integer", format: "int32" }],
    ["Secret", "data", { additionalProperties: { type: "string", format: "byte" } }],
    ["ServicePort", "targetPort", { "x-kubernetes-int-or-string": true }],
  ];
  for (const [type, field, expected] of facts) {
    test(`say of ${type}.${field} ${JSON.stringify(expected)}`, () => {
      expect(propertySchema(definition(`io.k8s.api.core.v1.${type}`), field)).toMatchObject(expected);
    });
  }
});

const web = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", creationTimestamp: null, labels: { app: "web" } },
  spec: {
    containers: [{ name: "web", image: "nginx", imagge: "x", ports: [{ containerPort: 80, prot: 1 }] }],
    nodname: "a",
  },
  extra: {},
};

describe("unknownFields()", () => {
  test("names each by its path", () => {
    expect(unknownFields(pod, web)).toEqual([
      "spec.containers[0].imagge",
      "spec.containers[0].ports[0].prot",
      "spec.nodname",
      "extra",
    ]);
  });
});

describe("prune()", () => {
  test("leaves out what is unknown, and nulls", () => {
    expect(prune(pod, web)).toEqual({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web", labels: { app: "web" } } as unknown as typeof web.metadata,
      spec: {
        containers: [{ name: "web", image: "nginx", ports: [{ containerPort: 80 }] }],
      } as unknown as typeof web.spec,
    } as unknown as typeof web);
  });

  test("gives the object itself when there is nothing to leave out", () => {
    const object = { apiVersion: "v1", kind: "Pod", spec: { containers: [{ name: "a" }] } };
    expect(prune(pod, object)).toBe(object);
  });

  const schema: Schema = {
    type: "object",
    properties: {
      open: { type: "object", "x-kubernetes-preserve-unknown-fields": true, properties: { shut: { type: "object" } } },
      map: { type: "object", additionalProperties: { type: "object", properties: { a: {} } } },
      pod: { type: "object", "x-kubernetes-embedded-resource": true },
      may: { type: "string", nullable: true },
      must: { type: "string", default: "x" },
    },
  };
  const rows: readonly (readonly [what: string, value: object, pruned: object])[] = [
    ["keeps unknown fields where the schema says so", { open: { x: { y: null } } }, { open: { x: { y: null } } }],
    ["prunes again below a field that is specified", { open: { shut: { x: 1 } } }, { open: { shut: {} } }],
    ["prunes values of maps", { map: { k: { a: 1, b: 2 } } }, { map: { k: { a: 1 } } }],
    [
      "keeps what every object has",
      { pod: { kind: "A", metadata: { name: "x", nam: 1 }, b: 1 } },
      { pod: { kind: "A", metadata: { name: "x" } } },
    ],
    ["keeps null where it may be", { may: null, must: null }, { may: null }],
  ];
  for (const [what, value, pruned] of rows) {
    test(what, () => {
      expect(prune<object>(schema, value)).toEqual(pruned);
    });
  }
});

describe("applyDefaults()", () => {
  test("fills the protocol of ports", () => {
    const object = { spec: { ports: [{ port: 80 }, { port: 53, protocol: "UDP" }] } };
    expect(applyDefaults<object>(service, object)).toMatchObject({
      spec: {
        ports: [
          { port: 80, protocol: "TCP" },
          { port: 53, protocol: "UDP" },
        ],
      },
    });
    expect(object.spec.ports[0]).toEqual({ port: 80 });
  });

  const schema: Schema = {
    type: "object",
    properties: {
      a: { type: "object", default: {}, properties: { b: { type: "integer", default: 5 } } },
      n: { type: "string", nullable: true, default: "x" },
      m: { type: "object", additionalProperties: { type: "object", properties: { c: { default: true } } } },
    },
  };
  const rows: readonly (readonly [what: string, value: object, filled: object])[] = [
    ["inside of a default", {}, { a: { b: 5 }, n: "x" }],
    ["not over what is there", { a: { b: 0 }, n: "" }, { a: { b: 0 }, n: "" }],
    ["not over a null that may be, but over one that may not", { a: null, n: null }, { a: { b: 5 }, n: null }],
    ["in the values of a map", { m: { k: {} } }, { m: { k: { c: true } }, a: { b: 5 }, n: "x" }],
  ];
  for (const [what, value, filled] of rows) {
    test(what, () => {
      expect(applyDefaults<object>(schema, value)).toEqual(filled);
    });
  }
});

describe("validateSchema()", () => {
  const one = (schema: Schema): Schema => ({ type: "object", properties: { a: schema } });
  const rows: readonly (readonly [schema: Schema, value: unknown, message: string | undefined])[] = [
    [{ type: "integer" }, "x", 'Invalid value: "string": a in body must be of type integer: "string"'],
    [{ type: "integer" }, 1.5, 'Invalid value: "number": a in body must be of type integer: "number"'],
    [{ type: "number" }, 1, undefined],
    [{ type: "string" }, null, 'Invalid value: "null": a in body must be of type string: "null"'],
    [{ type: "string", nullable: true }, null, undefined],
    [{ type: "string", enum: ["x", "y"] }, "z", 'Unsupported value: "z": supported values: "x", "y"'],
    [{ type: "integer", maximum: 10 }, 11, "Invalid value: 11: a in body should be less than or equal to 10"],
    [{ type: "integer", minimum: 1 }, 0, "Invalid value: 0: a in body should be greater than or equal to 1"],
    [
      { type: "integer", minimum: 1, exclusiveMinimum: true },
      1,
      "Invalid value: 1: a in body should be greater than 1",
    ],
    [{ type: "number", multipleOf: 0.1 }, 0.3, undefined],
    [{ type: "integer", multipleOf: 5 }, 7, "Invalid value: 7: a in body should be a multiple of 5"],
    [{ type: "string", pattern: "^(\\d+|\\*)$" }, "no", "Invalid value: \"no\": a in body should match '^(\\d+|\\*)$'"],
    [{ type: "string", maxLength: 2 }, "💧💧", undefined],
    [{ type: "string", maxLength: 2 }, "abc", "Too long: may not be more than 2 bytes"],
    [{ type: "string", minLength: 1 }, "", 'Invalid value: "": a in body should be at least 1 chars long'],
    [
      { type: "string", format: "date-time" },
      "now",
      'Invalid value: "now": a in body must be of type date-time: "now"',
    ],
    [{ type: "string", format: "ipv4" }, "10.0.0.1", undefined],
    [
      { type: "string", format: "cidr" },
      "10.0.0.0/33",
      'Invalid value: "10.0.0.0/33": a in body must be of type cidr: "10.0.0.0/33"',
    ],
    [{ type: "string", format: "no-such-format" }, "x", undefined],
    [{ type: "array", maxItems: 1 }, [1, 2], "Too many: 2: must have at most 1 items"],
    [{ "x-kubernetes-int-or-string": true }, "80%", undefined],
    [
      { "x-kubernetes-int-or-string": true },
      true,
      'Invalid value: "boolean": a in body must be of type integer,string: "boolean"',
    ],
    [{ type: "object", maxProperties: 1 }, { b: 1, c: 1 }, "Too many: 2: must have at most 1 items"],
    [{ not: { type: "string" } }, "x", 'Invalid value: "x": a in body must not validate the schema (not)'],
    [
      { anyOf: [{ type: "string" }, { type: "integer" }] },
      true,
      "Invalid value: true: a in body must validate at least one schema (anyOf)",
    ],
    [
      { oneOf: [{ minimum: 1 }, { maximum: 5 }] },
      3,
      "Invalid value: 3: a in body must validate one and only one schema (oneOf). Found 2 valid alternatives",
    ],
  ];
  for (const [schema, value, message] of rows) {
    test(`${JSON.stringify(schema)} and ${JSON.stringify(value)}: ${message ?? "fits"}`, () => {
      expect(validateSchema(one(schema), { a: value }).map((cause) => cause.message)).toEqual(
        message === undefined ? [] : [message],
      );
    });
  }

  test("names fields by their paths", () => {
    const object = { spec: { containers: [{ image: "x", ports: [{ containerPort: "80", protocol: "tcp" }] }] } };
    expect(validateSchema(pod, object).map(({ field, message }) => `${field}: ${message}`)).toEqual([
      "spec.containers[0].name: Required value",
      'spec.containers[0].ports[0].containerPort: Invalid value: "string": spec.containers[0].ports[0].containerPort in body must be of type integer: "string"',
      'spec.containers[0].ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"',
    ]);
  });

  test("finds two items with one key, with defaults in it", () => {
    const schema: Schema = one({
      type: "array",
      items: {
        type: "object",
        properties: { port: { type: "integer" }, protocol: { type: "string", default: "TCP" } },
      },
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["port", "protocol"],
    });
    const causes = validateSchema(schema, {
      a: [{ port: 1 }, { port: 1, protocol: "UDP" }, { port: 1, protocol: "TCP" }],
    });
    expect(causes).toEqual([
      { reason: "FieldValueDuplicate", field: "a[2]", message: 'Duplicate value: {"port":1,"protocol":"TCP"}' },
    ]);
  });

  test("insists less on a status where it is told so", () => {
    const object = { spec: { containers: [] }, status: { containerStatuses: [{ name: "web" }] } };
    expect(validateSchema(pod, object).length).toBeGreaterThan(0);
    expect(validateSchema(pod, object, { lenient: ["status"] })).toEqual([]);
  });

  test("takes quantities as text and as numbers", () => {
    const limits = itemSchema({ items: { $ref: "io.k8s.api.core.v1.ResourceRequirements" } });
    expect(validateSchema(limits, { limits: { cpu: 1, memory: "1Gi", storage: 0.5 } })).toEqual([]);
    expect(validateSchema(limits, { limits: { cpu: "much" } })).toHaveLength(1);
  });
});
