// Whose sockets are left alone.

import { describe, expect, test } from "bun:test";
import { podNamed } from "#test/lab/objects.ts";
import { seesServices } from "./sees-services.ts";

describe("seesServices()", () => {
  const proxy = { containers: [{ name: "web" }], initContainers: [{ name: "istio-proxy", restartPolicy: "Always" }] };
  const rows: readonly (readonly [what: string, spec: object, said: string | undefined, sees: boolean])[] = [
    ["any pod", {}, undefined, false],
    ["a pod that says so", {}, "false", true],
    ["a pod with a mesh's proxy", { containers: [{ name: "web" }, { name: "linkerd-proxy" }] }, undefined, true],
    ["a pod whose proxy is a sidecar container", proxy, undefined, true],
    ["a pod with a proxy that wants to be translated", proxy, "true", false],
  ];
  for (const [what, spec, said, sees] of rows) {
    test(`is ${sees} of ${what}`, () => {
      const annotations = said === undefined ? {} : { "twill.dev/socket-translation": said };
      expect(seesServices(podNamed("web-1", { spec, metadata: { annotations } }))).toBe(sees);
    });
  }
});
