// Imports go downwards only, and what is dangerous has one home: the layer table of the architecture, as data.
import { describe, expect, test } from "bun:test";
import { readTree } from "./tree.ts";

// A layer imports from itself and from those above it in this list.
const layers: readonly string[] = [
  "base",
  "codec",
  "net",
  "kernel",
  "netlink",
  "bpf",
  "kube",
  "model",
  "cni",
  "plugins",
  "datapath",
  "agent",
  "operator",
  "api",
  "lab",
  "cli",
];

// Modules that are not ours, and the layers that may use them; undefined: all of them.
const foreign: readonly { readonly module: RegExp; readonly layers: readonly string[] | undefined; why: string }[] = [
  { module: /^bun:ffi$/, layers: ["kernel"], why: "foreign calls live in src/kernel/, pointers never leave it" },
  { module: /^(node:)?child_process$/, layers: ["cni", "lab"], why: "only src/cni/ and src/lab/ start processes" },
  { module: /^kubernetes-types\//, layers: undefined, why: "" },
  { module: /^js-yaml$/, layers: ["base"], why: "all YAML is read and written in src/base/yaml.ts" },
  { module: /^dns-packet$/, layers: ["lab"], why: "only the lab answers DNS" },
  { module: /^@marcbachmann\/cel-js$/, layers: ["lab"], why: "only the lab's API server evaluates rules of CRDs" },
  { module: /^(node:|bun$|bun:)/, layers: undefined, why: "" },
];

// A plugin may have to execute another one, the lab is made of processes; nothing else starts any.
const spawning = /\bBun\.(spawn|spawnSync|\$)|(?<![\w.#])\$`/;
const spawningLayers: readonly string[] = ["cni", "lab"];

// The files that `make` compiles or generates before anything runs, and what clusters are given: they have no alias.
const builtFiles: readonly string[] = [
  "../../dist/native/twill_native.so",
  "../../dist/bpf/twill.bpf.o",
  "../../../../dist/kube/definitions.openapi",
  "../../../../dist/kube/descriptions.openapi",
  "../../../deploy/accounts.yaml",
  "../../../deploy/crds/cluster-network-policies.yaml",
];

// `import "x"`, `import a, { b } from "x"`, `export * as c from "x"`, `import("x")`
const importing = [
  /^\s*import\s+["']([^"']+)["']/gm,
  /^\s*(?:import|export)\s+(?:type\s+)?(?:[\w$]+\s*,?\s*)?(?:\{[^}]*\}|\*(?:\s*as\s+[\w$]+)?)?\s*from\s*["']([^"']+)["']/gm,
  /\bimport\(\s*["']([^"']+)["']/g,
];

/** What a file of `src/` does against the rules, a sentence each. */
function faultsOf(path: string, text: string): string[] {
  const [, layer = "", ...rest] = path.split("/");
  const isTest = /\.(test|guest)\.ts$/.test(path);
  const faults: string[] = [];
  if (!layers.includes(layer)) faults.push(`is in src/${layer}, which is no layer of the table`);
  if (rest.at(-1) === "index.ts") faults.push("is a barrel: name a file after what lives in it");
  for (const [, target = ""] of importing.flatMap((form) => [...text.matchAll(form)])) {
    const fault = faultOfImport(layer, target, isTest);
    if (fault !== undefined) faults.push(`imports ${target}: ${fault}`);
  }
  if (/\bBun\.YAML\b/.test(text)) faults.push("reads YAML as nobody else does: use #base/yaml.ts");
  if (!isTest && !spawningLayers.includes(layer) && spawning.test(text)) {
    faults.push("starts a process: only src/cni/ and src/lab/ may");
  }
  return faults;
}

function faultOfImport(layer: string, target: string, isTest: boolean): string | undefined {
  if (target.startsWith("./") || builtFiles.includes(target)) return undefined;
  if (target.startsWith("../")) return "use #layer/file.ts for another folder";
  const below = layers.slice(0, layers.indexOf(layer) + 1);
  const to = /^#([^/]+)\//.exec(target)?.[1];
  if (to === "test") return isTest ? undefined : "only tests use test/";
  if (to !== undefined) return below.includes(to) ? undefined : `${layer} is not above ${to}`;
  if (isTest && !/^bun:ffi$/.test(target)) return undefined;
  const rule = foreign.find(({ module }) => module.test(target));
  if (rule === undefined) return "is not among the foreign modules, see docs/dependencies.md";
  return rule.layers === undefined || rule.layers.includes(layer) ? undefined : rule.why;
}

describe("the layers", () => {
  test("hold for every file of src/", () => {
    const files = readTree(["src"], [".ts"]);
    expect(files.length).toBeGreaterThan(0);
    expect(files.flatMap(({ path, text }) => faultsOf(path, text).map((fault) => `${path} ${fault}`))).toEqual([]);
  });

  const rows: readonly (readonly [what: string, path: string, text: string, fault: string | undefined])[] = [
    ["its own folder", "src/net/a.ts", 'import { ip } from "./ip.ts";', undefined],
    ["its own layer", "src/net/deep/a.ts", 'import { ip } from "#net/ip.ts";', undefined],
    ["a lower layer", "src/netlink/a.ts", 'import { ip } from "#net/ip.ts";', undefined],
    ["a higher layer", "src/net/a.ts", 'import { x } from "#cni/x.ts";', "net is not above cni"],
    ["a type of a higher layer", "src/net/a.ts", 'import type { X } from "#cni/x.ts";', "net is not above cni"],
    ["names on many lines", "src/net/a.ts", 'import {\n  x,\n  y,\n} from "#cni/x.ts";', "net is not above cni"],
    ["a higher layer at run time", "src/net/a.ts", 'await import("#cni/x.ts")', "net is not above cni"],
    ["a higher layer for its effect", "src/net/a.ts", 'import "#cni/x.ts";', "net is not above cni"],
    ["a namespace", "src/net/a.ts", 'import * as x from "#cni/x.ts";', "net is not above cni"],
    ["a default and names", "src/net/a.ts", 'import x, { y } from "#cni/x.ts";', "net is not above cni"],
    ["all that it hands on", "src/net/a.ts", 'export * from "#cni/x.ts";', "net is not above cni"],
    ["what it hands on", "src/net/a.ts", 'export { x } from "#cni/x.ts";', "net is not above cni"],
    ["the folder above", "src/net/a.ts", 'import { x } from "../cni/x.ts";', "use #layer/file.ts"],
    ["the native helper", "src/kernel/a.ts", 'import so from "../../dist/native/twill_native.so";', undefined],
    ["a package", "src/net/a.ts", 'import x from "left-pad";', "not among the foreign modules"],
    ["a package in a test", "src/net/a.test.ts", 'import x from "left-pad";', undefined],
    ["the file system", "src/net/a.ts", 'import { readFileSync } from "node:fs";', undefined],
    ["foreign calls outside kernel", "src/net/a.ts", 'import { ptr } from "bun:ffi";', "src/kernel/"],
    ["foreign calls in a test", "src/net/a.test.ts", 'import { ptr } from "bun:ffi";', "src/kernel/"],
    ["published types", "src/kube/a.ts", 'import type { Pod } from "kubernetes-types/core/v1";', undefined],
    ["foreign calls in kernel", "src/kernel/a.ts", 'import { ptr } from "bun:ffi";', undefined],
    ["processes outside cni", "src/net/a.ts", 'import { spawn } from "node:child_process";', "src/cni/"],
    ["processes in cni", "src/cni/a.ts", 'import { spawn } from "node:child_process";', undefined],
    ["a test's helper", "src/net/a.root.test.ts", 'import { Sandbox } from "#test/sandbox.ts";', undefined],
    ["a test's helper outside a test", "src/net/a.ts", 'import { S } from "#test/sandbox.ts";', "only tests"],
    ["another YAML", "src/net/a.ts", "Bun.YAML.parse(text);", "use #base/yaml.ts"],
    ["Bun.spawn", "src/net/a.ts", 'Bun.spawn(["ip"]);', "starts a process"],
    ["Bun.$", "src/net/a.ts", "await Bun.$`ip link`;", "starts a process"],
    ["Bun.spawn in a test", "src/net/a.test.ts", 'Bun.spawn(["ip"]);', undefined],
    ["nothing, from an unknown layer", "src/utils/a.ts", "", "no layer of the table"],
    ["nothing, as a barrel", "src/net/index.ts", "", "is a barrel"],
    ["the word in a string", "src/net/a.ts", 'const text = `derived from "#cni/x.ts"`;', undefined],
  ];
  for (const [what, path, text, fault] of rows) {
    test(`${fault === undefined ? "allow" : "find"} ${what} in ${path}`, () => {
      const faults = faultsOf(path, text);
      if (fault === undefined) expect(faults).toEqual([]);
      else expect(faults.join()).toContain(fault);
    });
  }
});
