// Kubeconfig files: what is read from them, what is refused, and that ours can be read again.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatKubeconfig, parseKubeconfig, readKubeconfig } from "./kubeconfig.ts";

const config = `
apiVersion: v1
kind: Config
current-context: lab
clusters:
- name: lab
  cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: Y2E=}
- name: other
  cluster: {server: "https://other:6443", insecure-skip-tls-verify: true}
users:
- name: admin
  user: {token: secret}
- name: plugin
  user: {exec: {command: aws}}
contexts:
- name: lab
  context: {cluster: lab, user: admin}
- name: other
  context: {cluster: other, user: admin}
- name: plugin
  context: {cluster: lab, user: plugin}
- name: broken
  context: {cluster: none, user: admin}
`;

describe("parseKubeconfig()", () => {
  test("reads the current context", () => {
    expect(parseKubeconfig(config, "/")).toMatchObject({
      server: "https://127.0.0.1:6443",
      certificateAuthority: "ca",
      insecureSkipTlsVerify: false,
      token: "secret",
    });
  });

  test("reads another context", () => {
    expect(parseKubeconfig(config, "/", "other")).toMatchObject({
      server: "https://other:6443",
      insecureSkipTlsVerify: true,
    });
  });

  const refused: readonly (readonly [context: string | undefined, text: string, message: string])[] = [
    ["none", config, 'contexts has no "none"'],
    ["broken", config, 'clusters has no "none"'],
    ["plugin", config, 'exec of user "plugin" is not supported'],
    [undefined, "kind: Config", "current-context is missing"],
    [undefined, "[]", "the file is not a mapping"],
    [undefined, "current-context: 7", "current-context of the file is 7, not a text"],
  ];
  for (const [context, text, message] of refused) {
    test(`says: ${message}`, () => expect(() => parseKubeconfig(text, "/", context)).toThrow(message));
  }

  test("reads again what formatKubeconfig() wrote", () => {
    const cluster = {
      server: "https://[fd00::1]:6443",
      certificateAuthority: "-----BEGIN…",
      insecureSkipTlsVerify: false,
      token: undefined,
      clientCertificate: "cert",
      clientKey: "key",
    };
    expect(parseKubeconfig(formatKubeconfig("lab", cluster), "/")).toEqual(cluster);
  });
});

describe("readKubeconfig()", () => {
  test("takes files relative to its own folder, and names itself in errors", () => {
    const folder = mkdtempSync(join(tmpdir(), "twill-kubeconfig-"));
    try {
      const path = join(folder, "config");
      writeFileSync(join(folder, "token"), "from-file\n");
      writeFileSync(path, config.replace("{token: secret}", "{tokenFile: token}"));
      expect(readKubeconfig(path).token).toBe("from-file");
      expect(() => readKubeconfig(path, "none")).toThrow(`Cannot use kubeconfig ${path}: contexts has no "none"`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
