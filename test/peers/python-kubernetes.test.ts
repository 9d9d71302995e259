// Python's Kubernetes client, as Debian has it, against the API server: typed objects, lists, watches, all patches.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestCluster } from "#test/lab/cluster.ts";
import { serveHttps } from "#test/lab/https.ts";
import { ownPrefix } from "../owner.ts";

/** The interpreter of Debian's own packages, whatever else the machine has. */
const python = "/usr/bin/python3";
const script = new URL("./python-kubernetes.py", import.meta.url).pathname;
const timeoutMs = 60_000;

/** Steps of the script, in its order, and what each prints. */
const steps: readonly (readonly [step: string, told: unknown])[] = [
  ["created", ["V1Pod", "a", "Always", "TCP"]],
  ["times", "datetime"],
  ["service", true],
  ["policy", ["Ingress"]],
  ["secret", { p: "cQ==" }],
  ["list", ["a", "b"]],
  ["selected", ["b"]],
  ["fields", ["a"]],
  ["pages", ["a", 1, "b"]],
  ["everywhere", true],
  ["strategic", ["shop/main:2", 1]],
  ["merge", { a: "b" }],
  ["json", 3],
  ["scale", ["V1Scale", 1]],
  [
    "conflict",
    [
      409,
      "Conflict",
      'Operation cannot be fulfilled on configmaps "settings": the object has been modified; please apply your changes to the latest version and try again',
    ],
  ],
  [
    "watch",
    [
      ["ADDED", "c", "1"],
      ["MODIFIED", "c", "2"],
      ["DELETED", "c", "2"],
    ],
  ],
  [
    "resumed",
    [
      ["ADDED", "c", "1"],
      ["MODIFIED", "c", "2"],
      ["DELETED", "c", "2"],
    ],
  ],
  ["initial", ["a", "b"]],
  ["old", 410],
  ["missing", [404, "NotFound", 'pods "none" not found']],
  ["twice", [409, "AlreadyExists", 'pods "a" already exists']],
  ["name", [422, "Invalid", expect.stringContaining('Pod "Bad_Name" is invalid: metadata.name: Invalid value')]],
  ["defined", expect.arrayContaining(["Established", "NamesAccepted"])],
  ["custom", 4],
  ["customs", ["small"]],
  ["allowed", true],
  ["groups", true],
  ["version", "1"],
  ["deleted", []],
];

describe("Python's client", () => {
  const stack = new AsyncDisposableStack();
  const told = new Map<string, unknown>();
  let complaint = "";

  beforeAll(async () => {
    const cluster = stack.use(new TestCluster({ window: { events: 80, characters: 2 ** 20 } }));
    await cluster.start();
    const { kubeconfig } = await serveHttps(stack, cluster.server);
    const folder = mkdtempSync(join(tmpdir(), `${ownPrefix()}0-python-`));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, "kubeconfig"), kubeconfig);
    const child = Bun.spawn([python, script, join(folder, "kubeconfig")], {
      env: { HOME: folder, PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8", PYTHONDONTWRITEBYTECODE: "1" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    const [output, errors, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    for (const line of output.trim().split("\n").filter(Boolean)) {
      for (const [step, value] of Object.entries<unknown>(JSON.parse(line))) told.set(step, value);
    }
    complaint = exitCode === 0 ? "" : `${python} ended with ${exitCode}: ${errors}`;
  }, timeoutMs);
  afterAll(async () => await stack.disposeAsync());

  for (const [step, value] of steps) test(step, () => expect(told.get(step)).toEqual(value));

  test("comes to its end", () => {
    expect(complaint).toBe("");
    expect([...told.keys()]).toEqual(steps.map(([step]) => step));
  });
});
