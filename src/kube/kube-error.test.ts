// What an API error says, and how it is told apart.

import { describe, expect, test } from "bun:test";
import { alreadyExists, conflict, forbidden, hasReason, invalid, notFound } from "./kube-error.ts";

const deployments = { group: "apps", plural: "deployments" };
const pods = { group: "", plural: "pods" };

describe("an error of the API", () => {
  test("says what was not found as an API server does", () => {
    expect(notFound(deployments, "web").status).toEqual({
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: 'deployments.apps "web" not found',
      reason: "NotFound",
      details: { name: "web", group: "apps", kind: "deployments" },
      code: 404,
    });
  });

  const cause = (field: string) => ({ reason: "FieldValueRequired", message: "Required value", field });
  const rows: readonly (readonly [error: Error, message: string])[] = [
    [alreadyExists(pods, "web"), 'pods "web" already exists'],
    [conflict(pods, "web", "gone"), 'Operation cannot be fulfilled on pods "web": gone'],
    [forbidden(pods, "", "no"), "pods is forbidden: no"],
    [forbidden(pods, "web", "no"), 'pods "web" is forbidden: no'],
    [invalid("Pod", "", "web", [cause("spec")]), 'Pod "web" is invalid: spec: Required value'],
    [
      invalid("Deployment", "apps", "web", [cause("a"), cause("b")]),
      'Deployment.apps "web" is invalid: [a: Required value, b: Required value]',
    ],
  ];
  for (const [error, message] of rows) test(`reads: ${message}`, () => expect(error.message).toBe(message));

  test("is told by its reason", () => {
    expect(hasReason(notFound(pods, "a"), "Conflict", "NotFound")).toBe(true);
    expect(hasReason(notFound(pods, "a"), "Conflict")).toBe(false);
    expect(hasReason(new Error("NotFound"), "NotFound")).toBe(false);
  });
});
