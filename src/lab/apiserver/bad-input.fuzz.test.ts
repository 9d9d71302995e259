// A law of bad input: whatever is wrong with an object, the answer is a Status that says so, and never the server's own fault.

import { describe, expect, test } from "bun:test";
import { at, configMap, deployment, podNamed, TestApi } from "#test/lab/api.ts";
import { Random } from "#test/random.ts";

const template = { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "main", image: "shop/main" }] } };
const selector = { matchLabels: { app: "a" } };

type Sample = readonly [path: string, object: object];

function sample(path: string, apiVersion: string, kind: string, rest: object): Sample {
  return [path, { apiVersion, kind, metadata: { name: "a", labels: { app: "a" }, annotations: { x: "y" } }, ...rest }];
}

const inShop = "namespaces/shop";
const samples: readonly Sample[] = [
  [
    `/api/v1/${inShop}/pods`,
    podNamed("a", { spec: { nodeSelector: { a: "b" }, tolerations: [{ key: "a", operator: "Exists" }] } }),
  ],
  [`/apis/apps/v1/${inShop}/deployments`, deployment("a")],
  [`/api/v1/${inShop}/configmaps`, configMap("a", { a: "b" })],
  sample(`/api/v1/${inShop}/secrets`, "v1", "Secret", { type: "Opaque", data: { a: "Yg==" }, stringData: { c: "d" } }),
  sample(`/api/v1/${inShop}/services`, "v1", "Service", {
    spec: {
      selector: { app: "a" },
      type: "NodePort",
      ports: [{ name: "http", port: 80, targetPort: "web", nodePort: 30_080 }],
    },
  }),
  sample("/api/v1/namespaces", "v1", "Namespace", { spec: { finalizers: ["kubernetes"] } }),
  sample("/api/v1/nodes", "v1", "Node", {
    spec: { podCIDRs: ["10.244.0.0/24"], taints: [{ key: "a", effect: "NoSchedule" }] },
    status: {
      addresses: [{ type: "InternalIP", address: "10.0.0.1" }],
      conditions: [{ type: "Ready", status: "True" }],
    },
  }),
  sample(`/apis/apps/v1/${inShop}/statefulsets`, "apps/v1", "StatefulSet", {
    spec: { serviceName: "a", selector, template },
  }),
  sample(`/apis/batch/v1/${inShop}/jobs`, "batch/v1", "Job", {
    spec: { completions: 1, template: { ...template, spec: { ...template.spec, restartPolicy: "Never" } } },
  }),
  sample(`/apis/networking.k8s.io/v1/${inShop}/networkpolicies`, "networking.k8s.io/v1", "NetworkPolicy", {
    spec: {
      podSelector: selector,
      ingress: [
        { from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }], ports: [{ port: 80, endPort: 90 }] },
      ],
      egress: [{ to: [{ namespaceSelector: {}, podSelector: selector }] }],
    },
  }),
  sample(`/apis/policy/v1/${inShop}/poddisruptionbudgets`, "policy/v1", "PodDisruptionBudget", {
    spec: { minAvailable: 1, selector },
  }),
  sample(`/apis/discovery.k8s.io/v1/${inShop}/endpointslices`, "discovery.k8s.io/v1", "EndpointSlice", {
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.0.0.1"], conditions: { ready: true } }],
    ports: [{ name: "http", port: 80, protocol: "TCP" }],
  }),
  sample(`/apis/rbac.authorization.k8s.io/v1/${inShop}/rolebindings`, "rbac.authorization.k8s.io/v1", "RoleBinding", {
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "a" },
    subjects: [{ kind: "ServiceAccount", name: "a", namespace: "shop" }],
  }),
  [
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "as.example.com" },
      spec: {
        ...{ group: "example.com", scope: "Namespaced", names: { plural: "as", kind: "A", shortNames: ["aa"] } },
        versions: [
          {
            ...{
              name: "v1",
              served: true,
              storage: true,
              subresources: { status: {}, scale: { specReplicasPath: ".spec.a" } },
            },
            schema: {
              openAPIV3Schema: {
                type: "object",
                properties: { spec: { type: "object", properties: { a: { type: "integer" } } } },
              },
            },
            additionalPrinterColumns: [{ name: "A", type: "integer", jsonPath: ".spec.a" }],
          },
        ],
      },
    },
  ],
  sample(`/api/v1/${inShop}/pods/seed/eviction`, "policy/v1", "Eviction", { deleteOptions: { gracePeriodSeconds: 1 } }),
  sample(`/api/v1/${inShop}/pods/seed/binding`, "v1", "Binding", { target: { kind: "Node", name: "n" } }),
  sample(
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    "authorization.k8s.io/v1",
    "SelfSubjectAccessReview",
    {
      spec: { resourceAttributes: { verb: "get", resource: "pods" } },
    },
  ),
];

function randomValue(random: Random): unknown {
  const values = [
    "",
    "x",
    "a/b",
    "10.0.0.0/33",
    -1,
    0,
    1.5,
    1e20,
    true,
    null,
    [],
    {},
    [null],
    [[]],
    { a: null },
    { "": "" },
    "💥",
    "__proto__",
  ];
  return random.pick([...values, random.text(300)]);
}

/** The value with one thing in it changed, somewhere. */
function mutate(random: Random, value: unknown): unknown {
  if (typeof value !== "object" || value === null || random.chance(6)) return randomValue(random);
  if (Array.isArray(value)) {
    if (value.length === 0 || random.chance(5)) return [...value, ...value, randomValue(random)];
    const index = random.below(value.length);
    return value.map((item, i) => (i === index ? mutate(random, item) : item));
  }
  const names = Object.keys(value);
  const name =
    names.length === 0 || random.chance(8) ? random.pick(["", "x", "__proto__", "constructor"]) : random.pick(names);
  const entries = Object.entries(value).filter(([key]) => key !== name);
  if (random.chance(8)) return Object.fromEntries(entries);
  // `__proto__` as a name of its own, as JSON has it.
  return Object.fromEntries([...entries, [name, mutate(random, at(value, name))]]);
}

const patchKinds = ["merge", "strategic", "json", "apply"] as const;
const operations = ["add", "remove", "replace", "copy", "move", "test", "x"];

async function attempt(random: Random, api: TestApi): Promise<readonly [what: string, status: number]> {
  const [path, object] = random.pick(samples);
  const changed = Array.from({ length: random.int(1, 3) }).reduce<unknown>((value) => mutate(random, value), object);
  const one = `${path}/${random.pick(["a", "seed", "a/status", "a/scale"])}`;
  const body = JSON.stringify(changed);
  const choice = random.below(6);
  if (choice < 3) return [`POST ${path} ${body}`, (await api.send(`POST ${path}`, body)).status];
  if (choice === 3) return [`PUT ${one} ${body}`, (await api.send(`PUT ${one}`, body)).status];
  if (choice === 4) {
    const kind = random.pick(patchKinds);
    const steps = Array.from({ length: 3 }, () => ({
      ...{ op: random.pick(operations), from: "/spec" },
      ...{
        path: random.pick(["", "/spec", "/metadata/labels/-", "/spec/x/0", "x", "/metadata/finalizers"]),
        value: randomValue(random),
      },
    }));
    const patch = kind === "json" ? JSON.stringify(steps) : body;
    const answer = await api.patch(`${one}?fieldManager=fuzz&force=${kind === "apply"}`, kind, patch);
    return [`PATCH ${one} ${kind} ${patch}`, answer.status];
  }
  const options = JSON.stringify(
    mutate(random, { gracePeriodSeconds: 1, propagationPolicy: "Orphan", preconditions: { uid: "x" } }),
  );
  return [`DELETE ${one} ${options}`, (await api.send(`DELETE ${one}`, options)).status];
}

describe("bad input", () => {
  test("is refused with a Status, and is never the server's own fault", async () => {
    for (let seed = 0; seed < 40; seed++) {
      const random = new Random(seed);
      using api = await TestApi.withShop();
      for (const [path, object] of samples.slice(0, 8)) {
        await api.send(`POST ${path}`, object);
        await api.send(`POST ${path}`, { ...object, metadata: { name: "seed" } });
      }
      for (let step = 0; step < 60; step++) {
        const [what, status] = await attempt(random, api);
        expect(api.faults.map(String), `seed ${seed}: ${what}`).toEqual([]);
        expect(status, `seed ${seed}: ${what}`).toBeLessThan(500);
      }
      // What came through can be read in every form.
      for (const [path] of samples.slice(0, 14)) {
        for (const accept of ["application/json", "application/json;as=Table;v=v1;g=meta.k8s.io"]) {
          const answer = await api.send(`GET ${path}`, undefined, { headers: { accept } });
          expect(api.faults.map(String), `seed ${seed}: GET ${path} as ${accept}`).toEqual([]);
          expect(answer.status).toBe(200);
        }
      }
    }
  });
});
