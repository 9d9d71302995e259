// Rules in CEL as the documentation of CRDs shows them.
import { describe, expect, test } from "bun:test";
import type { Schema, ValidationRule } from "#lab/apiserver/schema/schema.ts";
import { ruleFault, ruleFaults } from "./rules.ts";
import { escapeName } from "./value.ts";

const text: Schema = { type: "string" };
const whole: Schema = { type: "integer" };

const spec: Schema = {
  type: "object",
  properties: {
    min: whole,
    max: whole,
    factor: { type: "number" },
    name: text,
    mode: text,
    "foo-bar": whole,
    since: { type: "string", format: "date-time" },
    cidr: text,
    memory: text,
    labels: { type: "object", additionalProperties: text },
    names: { type: "array", items: text },
    numbers: { type: "array", items: whole },
    ports: {
      type: "array",
      items: { type: "object", properties: { name: text, port: whole } },
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
    },
  },
};

const value = {
  min: 1,
  max: 3,
  factor: 2,
  name: "web-7",
  mode: "fast",
  "foo-bar": 1,
  since: "2026-01-01T00:00:00Z",
  cidr: "10.0.0.0/8",
  memory: "1Gi",
  labels: { app: "web" },
  names: ["a", "b"],
  numbers: [1, 2, 3],
  ports: [
    { name: "http", port: 80 },
    { name: "dns", port: 53 },
  ],
  unknown: 1,
};

const holding: readonly string[] = [
  "self.min <= self.max",
  "self.factor > 1.5 && self.max + 1 == 4",
  "has(self.min) && !has(self.nothing) && !has(self.unknown)",
  "self.mode in ['fast', 'slow']",
  "self.name.matches('^[a-z]+-[0-9]+$') && self.name.find('[0-9]+') == '7'",
  "self.foo__dash__bar == 1",
  "self.since < timestamp('2026-01-02T00:00:00Z')",
  "self.labels.all(key, key.startsWith('a')) && self.labels['app'] == 'web'",
  "self.ports.all(p, self.ports.exists_one(q, q.name == p.name))",
  "self.ports.map(p, p.port).sum() == 133 && self.ports.map(p, p.port).max() == 80",
  "self.names.isSorted() && self.names.indexOf('b') == 1",
  "self.numbers.filter(n, n > 1).size() == 2",
  "isCIDR(self.cidr) && cidr(self.cidr).containsIP('10.1.2.3') && !cidr(self.cidr).containsIP('11.0.0.1')",
  "cidr(self.cidr).containsCIDR('10.1.0.0/16') && cidr(self.cidr).prefixLength() == 8",
  "ip('fd00::1').family() == 6 && cidr(self.cidr).ip().family() == 4 && !isIP('10.0.0')",
  "quantity(self.memory).isGreaterThan(quantity('1000Mi')) && isQuantity('5m') && !isQuantity('x')",
  "isURL('https://example.com/a')",
  "self.min == 1 ? self.max == 3 : false",
];

function faults(rule: ValidationRule, now: unknown, old?: unknown) {
  return ruleFaults(
    { type: "object", properties: { spec: { ...spec, "x-kubernetes-validations": [rule] } } },
    { spec: now },
    old === undefined ? undefined : { spec: old },
  );
}

describe("ruleFaults()", () => {
  for (const rule of holding) {
    test(`finds nothing against ${rule}`, () => {
      expect(ruleFault({ rule })).toBeUndefined();
      expect(faults({ rule }, value)).toEqual([]);
    });
  }

  const broken: readonly (readonly [rule: ValidationRule, message: string])[] = [
    [{ rule: "self.min > self.max" }, 'Invalid value: "object": failed rule: self.min > self.max'],
    [{ rule: "self.min > 5", message: "min is small" }, 'Invalid value: "object": min is small'],
    [{ rule: "false", messageExpression: "'max is ' + string(self.max)" }, 'Invalid value: "object": max is 3'],
    [{ rule: "false", message: "x", messageExpression: "self.nothing" }, 'Invalid value: "object": x'],
    [{ rule: "self.nothing > 1" }, 'Invalid value: "object": rule evaluation error: No such key: nothing'],
  ];
  for (const [rule, message] of broken) {
    test(`says ${message}`, () => {
      expect(faults(rule, value)).toEqual([{ reason: "FieldValueInvalid", field: "spec", message }]);
    });
  }

  test("gives the reason and the field that a rule names", () => {
    const rule = { rule: "false", reason: "FieldValueForbidden", fieldPath: ".min", message: "no" };
    expect(faults(rule, value)).toEqual([
      { reason: "FieldValueForbidden", field: "spec.min", message: 'Invalid value: "object": no' },
    ]);
  });

  test("looks at what changes only where there was something before", () => {
    const rule = { rule: "self.name == oldSelf.name", message: "name is immutable" };
    expect(faults(rule, value)).toEqual([]);
    expect(faults(rule, value, value)).toEqual([]);
    expect(faults(rule, { ...value, name: "b" }, value)).toHaveLength(1);
  });

  test("finds the old items of a map list by their keys", () => {
    const items = {
      ...spec.properties?.["ports"]?.items,
      "x-kubernetes-validations": [{ rule: "self.port == oldSelf.port" }],
    };
    const schema: Schema = { ...spec.properties?.["ports"], items };
    const [http, dns] = value.ports;
    expect(ruleFaults(schema, [dns, { name: "new", port: 1 }, http], value.ports)).toEqual([]);
    expect(ruleFaults(schema, [{ ...http, port: 81 }], value.ports)).toMatchObject([{ field: "[0]" }]);
  });
});

describe("ruleFault()", () => {
  const rows: readonly (readonly [rule: ValidationRule, fault: string])[] = [
    [{ rule: " " }, "rule is not specified"],
    [{ rule: "self.a >" }, "rule compilation failed: Unexpected token: EOF"],
    [{ rule: "nothing(self)" }, "rule compilation failed: found no matching overload for 'nothing(dyn)'"],
    [{ rule: "1 + 1" }, "rule must give a bool, and gives a int"],
    [{ rule: "true", messageExpression: "1" }, "messageExpression must give a string, and gives a int"],
  ];
  for (const [rule, fault] of rows) {
    test(`says of ${JSON.stringify(rule)}: ${fault}`, () => {
      expect(ruleFault(rule)).toBe(fault);
    });
  }
});

describe("escapeName()", () => {
  const rows = [
    ["foo", "foo"],
    ["foo-bar", "foo__dash__bar"],
    ["a.b/c", "a__dot__b__slash__c"],
    ["a__b", "a__underscores__b"],
    ["namespace", "__namespace__"],
  ] as const;
  for (const [name, escaped] of rows) test(`${name} is ${escaped}`, () => expect(escapeName(name)).toBe(escaped));
});
