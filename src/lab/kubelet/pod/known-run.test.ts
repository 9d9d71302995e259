// Whether a kubelet that starts again takes a container for ready.

import { expect, test } from "bun:test";
import type { Pod } from "#kube/kinds.ts";
import { knownRun } from "./known-run.ts";

function podWith(status: object): Pod {
  const container = { name: "web", ready: true, started: true, restartCount: 2, state: { running: {} }, ...status };
  const containerStatuses = [container] as NonNullable<NonNullable<Pod["status"]>["containerStatuses"]>;
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, status: { containerStatuses } };
}

const rows: readonly (readonly [what: string, status: object, attempt: number, known: ReturnType<typeof knownRun>])[] =
  [
    ["that was ready is", {}, 2, { started: true, ready: true }],
    ["that was not ready is not", { ready: false }, 2, { started: true, ready: false }],
    ["that was still starting is not", { ready: false, started: false }, 2, { started: false, ready: false }],
    ["of another run says nothing", {}, 3, undefined],
    ["that had ended says nothing", { state: { terminated: { exitCode: 0 } } }, 2, undefined],
  ];
for (const [what, status, attempt, known] of rows) {
  test(`a container ${what}`, () => expect(knownRun(podWith(status), "web", attempt)).toEqual(known));
}

test("a container that the API does not know says nothing", () => {
  expect(knownRun(podWith({}), "other", 2)).toBeUndefined();
});
