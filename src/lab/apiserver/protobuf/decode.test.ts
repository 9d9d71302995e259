// Bodies in protobuf: written here by the same numbers that Kubernetes publishes, field by field.
import { describe, expect, test } from "bun:test";
import { definition } from "#lab/apiserver/schema/definitions.ts";
import { Random } from "#test/random.ts";
import { thrownBy } from "#test/thrown.ts";
import { decodeProtobufBody } from "./decode.ts";
import { fieldTable, parseFieldTable } from "./field-table.ts";

/** The bytes of fields written as `1:"text" 2:5 3:{1:"inner"} 4:<00ff>`. */
function message(text: string): number[] {
  const tokens = text.match(/\d+:|"[^"]*"|-?\d+|<[0-9a-f]*>|[{}]/g) ?? [];
  const fields = (): number[] => {
    const bytes: number[] = [];
    while (tokens.length > 0 && tokens[0] !== "}") bytes.push(...field(Number.parseInt(tokens.shift() ?? "", 10)));
    return bytes;
  };
  const field = (number: number): number[] => {
    const value = tokens.shift() ?? "";
    if (/^-?\d/.test(value)) return [...varint(number << 3), ...varint(BigInt(value))];
    const content =
      value === "{" ? fields() : [...Buffer.from(value.slice(1, -1), value.startsWith("<") ? "hex" : "utf8")];
    if (value === "{") tokens.shift();
    return [...varint((number << 3) | 2), ...varint(content.length), ...content];
  };
  return fields();
}

function varint(value: number | bigint): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

function body(apiVersion: string, kind: string, fields: string): Uint8Array {
  return Uint8Array.from([
    ...Buffer.from("k8s\0"),
    ...message(`1:{1:"${apiVersion}" 2:"${kind}"} 2:<${Buffer.from(message(fields)).toString("hex")}> 3:"" 4:""`),
  ]);
}

/** As Go sends it: what is not set is there as zero. */
const metadata = (name: string) => `1:{1:"${name}" 2:"" 3:"" 4:"" 5:"" 6:"" 7:0 8:{}}`;

const rows: readonly (readonly [what: string, apiVersion: string, kind: string, fields: string, object: object])[] = [
  [
    "a ConfigMap with maps of text and bytes",
    "v1",
    "ConfigMap",
    `${metadata("a")} 2:{1:"k" 2:"v"} 2:{1:"empty" 2:""} 3:{1:"b" 2:<00ff>} 4:0`,
    { metadata: { name: "a" }, data: { k: "v", empty: "" }, binaryData: { b: "AP8=" }, immutable: false },
  ],
  [
    "a Deployment: no replicas are a number, no paused is nothing",
    "apps/v1",
    "Deployment",
    `${metadata("web")}
     2:{1:0 2:{1:{1:"app" 2:"web"}}
        3:{1:{1:"" 11:{1:"app" 2:"web"}} 2:{2:{1:"web" 2:"nginx" 6:{1:"" 2:0 3:80 4:"TCP"} 8:{} 16:0}}}
        4:{1:""} 5:0 7:0}
     3:{1:0}`,
    {
      metadata: { name: "web" },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: "web" } },
        template: {
          metadata: { labels: { app: "web" } },
          spec: {
            containers: [
              { name: "web", image: "nginx", ports: [{ containerPort: 80, protocol: "TCP" }], resources: {} },
            ],
          },
        },
        strategy: {},
      },
      status: {},
    },
  ],
  [
    "a Service: a target port is a number or a name",
    "v1",
    "Service",
    `${metadata("s")} 2:{1:{1:"a" 3:80 4:{1:0 2:8080 3:""} 5:0} 1:{3:53 4:{1:1 2:0 3:"dns"}}}`,
    {
      metadata: { name: "s" },
      spec: {
        ports: [
          { name: "a", port: 80, targetPort: 8080 },
          { port: 53, targetPort: "dns" },
        ],
      },
    },
  ],
  [
    "quantities and volumes, whose kinds stand beside the name",
    "v1",
    "Pod",
    `${metadata("p")} 2:{1:{1:"v" 2:{2:{1:"Memory" 2:{1:"1Gi"}}}} 2:{1:"c" 8:{1:{1:"cpu" 2:{1:"500m"}}}}}`,
    {
      metadata: { name: "p" },
      spec: {
        volumes: [{ name: "v", emptyDir: { medium: "Memory", sizeLimit: "1Gi" } }],
        containers: [{ name: "c", resources: { limits: { cpu: "500m" } } }],
      },
    },
  ],
  [
    "times, and a number below zero",
    "v1",
    "Pod",
    '1:{1:"p" 8:{1:1700000000 2:0}} 2:{25:-5 4:0}',
    {
      metadata: { name: "p", creationTimestamp: "2023-11-14T22:13:20Z" },
      spec: { priority: -5, terminationGracePeriodSeconds: 0 },
    },
  ],
  [
    "microseconds of a Lease",
    "coordination.k8s.io/v1",
    "Lease",
    `${metadata("l")} 2:{1:"me" 4:{1:1700000000 2:123456789}}`,
    { metadata: { name: "l" }, spec: { holderIdentity: "me", renewTime: "2023-11-14T22:13:20.123456Z" } },
  ],
  [
    "options of a deletion, at once",
    "v1",
    "DeleteOptions",
    '1:0 4:"Background" 5:"All"',
    { gracePeriodSeconds: 0, propagationPolicy: "Background", dryRun: ["All"] },
  ],
  [
    "a review with lists as values",
    "authorization.k8s.io/v1",
    "SubjectAccessReview",
    `${metadata("")} 2:{1:{1:"shop" 2:"get"} 3:"me" 4:"a" 4:"b" 5:{1:"scopes" 2:{1:"x" 1:"y"}}}`,
    {
      metadata: {},
      spec: {
        resourceAttributes: { namespace: "shop", verb: "get" },
        user: "me",
        groups: ["a", "b"],
        extra: { scopes: ["x", "y"] },
      },
    },
  ],
  [
    "exit codes, packed or not, and fields of a newer release",
    "batch/v1",
    "Job",
    `${metadata("j")} 2:{11:{1:{2:{3:<0102> 3:3}}} 99:"new"}`,
    { metadata: { name: "j" }, spec: { podFailurePolicy: { rules: [{ onExitCodes: { values: [1, 2, 3] } }] } } },
  ],
];

describe("decodeProtobufBody()", () => {
  for (const [what, apiVersion, kind, fields, object] of rows) {
    test(`reads ${what}`, () => {
      expect(decodeProtobufBody(body(apiVersion, kind, fields))).toEqual({ apiVersion, kind, ...object });
    });
  }

  const refused: readonly (readonly [what: string, bytes: Uint8Array, code: string])[] = [
    ["nothing", new Uint8Array(), "BadRequest"],
    ["JSON", new TextEncoder().encode("{}"), "BadRequest"],
    [
      "a kind without a protobuf form",
      body("apiextensions.k8s.io/v1", "CustomResourceDefinition", ""),
      "UnsupportedMediaType",
    ],
    ["a kind that nobody knows", body("example.com/v1", "Widget", ""), "UnsupportedMediaType"],
    ["text that is not UTF-8", body("v1", "Namespace", "1:{1:<ff>}"), "BadRequest"],
    ["a number for a message", body("v1", "Namespace", "1:5"), "BadRequest"],
  ];
  for (const [what, bytes, code] of refused) {
    test(`refuses ${what}`, () => {
      expect(thrownBy(() => decodeProtobufBody(bytes))).toMatchObject({ code });
    });
  }

  test("reads or refuses whatever comes, and never fails otherwise", () => {
    const [, apiVersion, kind, fields] = rows[1] ?? ["", "", "", ""];
    const whole = body(apiVersion, kind, fields);
    const codes = new Set<unknown>();
    const random = new Random(1);
    for (let i = 0; i < 2000; i++) {
      const bytes = whole.slice(0, random.int(4, whole.length));
      for (let n = random.below(3); n > 0; n--) bytes[random.int(4, bytes.length - 1)] = random.below(256);
      try {
        decodeProtobufBody(bytes);
      } catch (error) {
        codes.add((error as { readonly code?: unknown }).code);
      }
    }
    expect([...codes].sort()).toEqual(["BadRequest", "UnsupportedMediaType"]);
  });
});

describe("the field table", () => {
  test("gives every published field of its types one number", () => {
    const faults = [...fieldTable()].flatMap(([type, fields]) => {
      const names = [...fields.values()].flatMap((field) => ("inline" in field ? [] : [field.name]));
      return new Set(names).size === names.length ? [] : [type];
    });
    expect(faults).toEqual([]);
    const container = [...(fieldTable().get("io.k8s.api.core.v1.Container") ?? [])].map(([, field]) =>
      "name" in field ? field.name : "",
    );
    expect(container.sort()).toEqual(Object.keys(definition("io.k8s.api.core.v1.Container").properties ?? {}).sort());
  });

  test("is read with its groups, formats and parts", () => {
    expect([...parseFieldTable("# note\n[a.v1]\nPort port=1:int32! name=2 (Rest)=3\n")]).toEqual([
      [
        "a.v1.Port",
        new Map<number, unknown>([
          [1, { name: "port", format: "int32", keepsZero: true }],
          [2, { name: "name", format: undefined, keepsZero: false }],
          [3, { inline: "a.v1.Rest" }],
        ]) as never,
      ],
    ]);
    expect(thrownBy(() => parseFieldTable("[a.v1]\nPort port"))).toBeInstanceOf(SyntaxError);
  });
});
