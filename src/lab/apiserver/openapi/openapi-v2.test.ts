// The document of older kubectls, read back by its numbers.
import { describe, expect, test } from "bun:test";
import { builtinResources } from "#lab/apiserver/builtin/builtin.ts";
import { textOf } from "#lab/apiserver/protobuf/special.ts";
import { readMessage, type WireValue } from "#lab/apiserver/protobuf/wire.ts";
import { openApiV2Document } from "./openapi-v2.ts";

type Message = readonly WireValue[];

/** The messages in a field that is repeated. */
function inField(message: Message, number: number): readonly Message[] {
  return message.flatMap((field) =>
    field.number === number && field.kind === "bytes" ? [readMessage(field.bytes)] : [],
  );
}

function byName(messages: readonly Message[], name: string): Message {
  const [value = []] = messages
    .filter((message) => textOf(message, 1) === name)
    .flatMap((message) => inField(message, 2));
  return value;
}

const document = readMessage(openApiV2Document(builtinResources));
const definitions = inField(document, 9).flatMap((message) => inField(message, 1));

function properties(schema: Message): readonly Message[] {
  return inField(schema, 25).flatMap((message) => inField(message, 1));
}

describe("openApiV2Document()", () => {
  test("says how lists merge, what fields are, and what they refer to", () => {
    const podSpec = byName(definitions, "io.k8s.api.core.v1.PodSpec");
    expect(textOf(podSpec, 4)).toBe("PodSpec is a description of a pod.");
    const containers = byName(properties(podSpec), "containers");
    expect(textOf(containers, 4)).toContain("List of containers belonging to the pod");
    const [items = []] = inField(containers, 23).flatMap((message) => inField(message, 1));
    expect(textOf(items, 1)).toBe("#/definitions/io.k8s.api.core.v1.Container");
    expect(textOf(byName(inField(containers, 31), "x-kubernetes-patch-merge-key"), 2)).toBe('"name"');
  });

  test("holds every schema that it refers to", () => {
    const names = new Set(definitions.map((message) => textOf(message, 1)));
    const references = definitions.flatMap((message) =>
      inField(message, 2)
        .flatMap(properties)
        .flatMap((property) => inField(property, 2).map((schema) => textOf(schema, 1))),
    );
    const missing = references.filter(
      (reference) => reference !== "" && !names.has(reference.replace("#/definitions/", "")),
    );
    expect(references.length).toBeGreaterThan(1000);
    expect(missing).toEqual([]);
  });

  test("names kinds, and the parameters of a patch", () => {
    const pod = byName(definitions, "io.k8s.api.core.v1.Pod");
    const gvk = textOf(byName(inField(pod, 31), "x-kubernetes-group-version-kind"), 2);
    expect(JSON.parse(gvk)).toEqual([{ group: "", version: "v1", kind: "Pod" }]);
    const paths = inField(document, 8).flatMap((message) => inField(message, 2));
    const [patch = []] = inField(byName(paths, "/apis/apps/v1/namespaces/{namespace}/deployments/{name}"), 8);
    const names = [1, 2, 3].reduce(
      (messages, number) => messages.flatMap((message) => inField(message, number)),
      inField(patch, 8),
    );
    expect(names.map((query) => textOf(query, 4))).toEqual(["dryRun", "fieldManager", "fieldValidation", "force"]);
  });
});
