// Lines as kubectl prints them, for objects as they come.

import { describe, expect, test } from "bun:test";
import type { KubeObject } from "#kube/object.ts";
import { ageOf, humanDuration } from "./age.ts";
import { networkSheets } from "./network.ts";
import { podSheet } from "./pod.ts";
import type { Sheet } from "./sheet.ts";
import { workloadSheets } from "./workloads.ts";

const now = Date.parse("2026-01-01T00:10:00Z");
const metadata = { name: "web", creationTimestamp: "2026-01-01T00:00:00Z" };

function line(sheet: Sheet | undefined, fields: object): string {
  const object = { apiVersion: "v1", kind: "X", metadata, ...fields } as KubeObject;
  const cells = sheet?.cells(object, now) ?? [];
  expect(cells.length).toBe(sheet?.columns.length ?? -1);
  return cells
    .map((cell, index) => (sheet?.columns[index]?.priority === 0 ? String(cell) : undefined))
    .filter((cell) => cell !== undefined)
    .join(" | ");
}

describe("humanDuration()", () => {
  const second = 1000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const day = 24 * hour;
  const rows: readonly (readonly [ms: number, text: string])[] = [
    [-5 * second, "<invalid>"],
    [-500, "0s"],
    [0, "0s"],
    [119 * second, "119s"],
    [2 * minute, "2m"],
    [3 * minute + 20 * second, "3m20s"],
    [10 * minute, "10m"],
    [179 * minute, "179m"],
    [3 * hour, "3h"],
    [3 * hour + 5 * minute, "3h5m"],
    [8 * hour + 5 * minute, "8h"],
    [47 * hour, "47h"],
    [2 * day + 3 * hour, "2d3h"],
    [8 * day + 3 * hour, "8d"],
    [729 * day, "729d"],
    [2 * 365 * day + 10 * day, "2y10d"],
    [9 * 365 * day + 10 * day, "9y"],
  ];
  for (const [ms, text] of rows) test(`${ms} ms is ${text}`, () => expect(humanDuration(ms)).toBe(text));

  test("is not known without a time", () => expect(ageOf(undefined, now)).toBe("<unknown>"));
});

describe("a pod's line", () => {
  const spec = { containers: [{ name: "a" }, { name: "b" }] };
  const running = { state: { running: {} }, ready: true, restartCount: 0 };
  const status = (...containerStatuses: object[]) => ({ spec, status: { phase: "Running", containerStatuses } });
  const rows: readonly (readonly [what: string, fields: object, line: string])[] = [
    ["that waits for a node", { spec, status: { phase: "Pending" } }, "web | 0/2 | Pending | 0 | 10m"],
    ["that runs", status(running, running), "web | 2/2 | Running | 0 | 10m"],
    [
      "that is not ready",
      status(running, {
        ...running,
        ready: false,
        restartCount: 2,
        lastState: { terminated: { finishedAt: "2026-01-01T00:09:30Z" } },
      }),
      "web | 1/2 | Running | 2 (30s ago) | 10m",
    ],
    [
      "that crashes",
      status(running, { ready: false, restartCount: 3, state: { waiting: { reason: "CrashLoopBackOff" } } }),
      "web | 1/2 | CrashLoopBackOff | 3 | 10m",
    ],
    [
      "that ended badly",
      {
        spec,
        status: { phase: "Failed", containerStatuses: [{ restartCount: 0, state: { terminated: { exitCode: 3 } } }] },
      },
      "web | 0/2 | ExitCode:3 | 0 | 10m",
    ],
    [
      "of which one part is done",
      {
        spec,
        status: {
          phase: "Running",
          conditions: [{ type: "Ready", status: "True" }],
          containerStatuses: [
            { restartCount: 0, state: { terminated: { reason: "Completed", exitCode: 0 } } },
            running,
          ],
        },
      },
      "web | 1/2 | Running | 0 | 10m",
    ],
    [
      "that is being set up",
      {
        spec: { ...spec, initContainers: [{ name: "i" }, { name: "j" }] },
        status: {
          phase: "Pending",
          initContainerStatuses: [
            { name: "i", restartCount: 0, state: { terminated: { exitCode: 0 } } },
            { name: "j", restartCount: 0, state: { running: {} } },
          ],
        },
      },
      "web | 0/2 | Init:1/2 | 0 | 10m",
    ],
    [
      "with a sidecar",
      {
        spec: { containers: [{ name: "a" }], initContainers: [{ name: "i", restartPolicy: "Always" }] },
        status: {
          phase: "Running",
          containerStatuses: [running],
          initContainerStatuses: [{ name: "i", started: true, ...running }],
        },
      },
      "web | 2/2 | Running | 0 | 10m",
    ],
    [
      "that goes",
      { ...status(running, running), metadata: { ...metadata, deletionTimestamp: "2026-01-01T00:10:00Z" } },
      "web | 2/2 | Terminating | 0 | 10m",
    ],
  ];
  for (const [what, fields, text] of rows) test(what, () => expect(line(podSheet, fields)).toBe(text));
});

describe("other lines", () => {
  const rows: readonly (readonly [what: string, sheet: Sheet | undefined, fields: object, line: string])[] = [
    [
      "a service with a node port",
      networkSheets["/Service"],
      {
        spec: {
          type: "NodePort",
          clusterIP: "10.96.0.1",
          ports: [
            { port: 80, nodePort: 30080 },
            { port: 53, protocol: "UDP" },
          ],
        },
      },
      "web | NodePort | 10.96.0.1 | <none> | 80:30080/TCP,53/UDP | 10m",
    ],
    [
      "a balancer that waits",
      networkSheets["/Service"],
      { spec: { type: "LoadBalancer", clusterIP: "10.96.0.1", ports: [] } },
      "web | LoadBalancer | 10.96.0.1 | <pending> | <none> | 10m",
    ],
    [
      "a name",
      networkSheets["/Service"],
      { spec: { type: "ExternalName", externalName: "example.com" } },
      "web | ExternalName | <none> | example.com | <none> | 10m",
    ],
    [
      "endpoints",
      networkSheets["/Endpoints"],
      {
        subsets: [
          {
            addresses: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }, { ip: "10.0.0.3" }, { ip: "10.0.0.4" }],
            ports: [{ port: 80 }],
          },
        ],
      },
      "web | 10.0.0.1:80,[fd00::1]:80,10.0.0.3:80 + 1 more... | 10m",
    ],
    [
      "a policy",
      networkSheets["networking.k8s.io/NetworkPolicy"],
      { spec: { podSelector: { matchLabels: { app: "db" } } } },
      "web | app=db | 10m",
    ],
    [
      "a deployment",
      workloadSheets["apps/Deployment"],
      {
        spec: { replicas: 3, template: {}, selector: {} },
        status: { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 },
      },
      "web | 1/3 | 2 | 1 | 10m",
    ],
    [
      "a job",
      workloadSheets["batch/Job"],
      { spec: { completions: 2 }, status: { succeeded: 1, startTime: "2026-01-01T00:09:00Z" } },
      "web | Running | 1/2 | 60s | 10m",
    ],
  ];
  for (const [what, sheet, fields, text] of rows) test(what, () => expect(line(sheet, fields)).toBe(text));
});
