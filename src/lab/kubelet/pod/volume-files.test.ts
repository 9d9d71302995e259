// Files of volumes from ConfigMaps, Secrets, fields and tokens.
import { describe, expect, test } from "bun:test";
import type { Volume } from "kubernetes-types/core/v1";
import { ip } from "#net/ip.ts";
import { pod } from "#test/lab-pod.ts";
import { volumeFiles } from "./volume-files.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const data = new Map([
  ["a", bytes("x")],
  ["b", bytes("y")],
]);
const sources = {
  configMap: (name: string) => (name === "conf" ? data : undefined),
  secret: (name: string) => (name === "hidden" ? data : undefined),
};
const node = { name: "node1", ips: [], podIps: [ip("10.244.1.2")], cpus: 2, memoryBytes: 1, defaults: [] };

/** `path=text 644`, a word a file; undefined for a volume without files of the API. */
function show(volume: Omit<Volume, "name">): string | undefined {
  const files = volumeFiles(
    pod({}, { labels: { x: "1" } }),
    { name: "v", ...volume },
    node,
    sources,
    new Map([["token", "t0"]]),
  );
  if (files === undefined) return undefined;
  return [...files]
    .map(([path, { bytes, mode }]) => `${path}=${new TextDecoder().decode(bytes)} ${mode.toString(8)}`)
    .join(", ");
}

describe("volumeFiles()", () => {
  const rows: readonly (readonly [what: string, volume: Omit<Volume, "name">, text: string | undefined])[] = [
    ["all keys", { configMap: { name: "conf" } }, "a=x 644, b=y 644"],
    [
      "some keys",
      { configMap: { name: "conf", items: [{ key: "b", path: "sub/b.txt", mode: 0o400 }] } },
      "sub/b.txt=y 400",
    ],
    ["a mode for all", { secret: { secretName: "hidden", defaultMode: 0o440 } }, "a=x 440, b=y 440"],
    ["what is optional", { configMap: { name: "no", optional: true } }, ""],
    [
      "fields",
      { downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] } },
      'labels=x="1" 644',
    ],
    [
      "a service account's",
      {
        projected: {
          sources: [
            { serviceAccountToken: { path: "token" } },
            { configMap: { name: "conf", items: [{ key: "a", path: "ca.crt" }] } },
            { downwardAPI: { items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }] } },
          ],
        },
      },
      "token=t0 644, ca.crt=x 644, namespace=shop 644",
    ],
    ["none of the API's", { emptyDir: {} }, undefined],
  ];
  for (const [what, volume, text] of rows) test(what, () => expect(show(volume)).toBe(text));

  const faults: readonly (readonly [what: string, volume: Omit<Volume, "name">, message: string])[] = [
    ["a missing object", { secret: { secretName: "no" } }, 'secret "no" not found'],
    ["a missing key", { configMap: { name: "conf", items: [{ key: "c", path: "c" }] } }, "non-existent key: c"],
    [
      "a field that is none",
      { downwardAPI: { items: [{ path: "x", fieldRef: { fieldPath: "y" } }] } },
      "y is no field of a pod",
    ],
  ];
  for (const [what, volume, message] of faults) test(what, () => expect(() => show(volume)).toThrow(message));
});
