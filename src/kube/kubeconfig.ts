// A kubeconfig file: where the cluster of its current context is, and with what it lets us in.

import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { messageOf } from "#base/error-message.ts";
import { formatYaml, parseYaml } from "#base/yaml.ts";
import type { Cluster } from "./http-transport.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Reads a kubeconfig file and the files it names. Throws an Error that names the file and the field. */
export function readKubeconfig(path: string, context?: string): Cluster {
  try {
    return parseKubeconfig(readFileSync(path, "utf8"), dirname(path), context);
  } catch (cause) {
    throw new Error(`Cannot use kubeconfig ${path}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Reads the text of a kubeconfig; relative paths in it start at `folder`. */
export function parseKubeconfig(text: string, folder: string, contextName?: string): Cluster {
  const config = fieldsOf(parseYaml(text), "the file");
  const name = contextName ?? textOf(config, "current-context", "the file");
  if (name === undefined || name === "") throw new Error("current-context is missing: name a context");
  const context = entryOf(config, "contexts", "context", name);
  const clusterName = textOf(context, "cluster", `context "${name}"`) ?? "";
  const cluster = entryOf(config, "clusters", "cluster", clusterName);
  const userName = textOf(context, "user", `context "${name}"`);
  const user = userName === undefined ? {} : entryOf(config, "users", "user", userName);
  const server = textOf(cluster, "server", `cluster "${clusterName}"`);
  if (server === undefined) throw new Error(`server is missing in cluster "${clusterName}"`);
  const unsupported = ["exec", "auth-provider", "username"].find((field) => user[field] !== undefined);
  if (unsupported !== undefined) {
    throw new Error(`${unsupported} of user "${userName}" is not supported: use a token or a client certificate`);
  }
  const tokenFile = textOf(user, "tokenFile", `user "${userName}"`);
  const token = textOf(user, "token", `user "${userName}"`);
  return {
    server,
    certificateAuthority: pemOf(cluster, "certificate-authority", folder),
    insecureSkipTlsVerify: cluster["insecure-skip-tls-verify"] === true,
    token: tokenFile === undefined ? token : readFileSync(resolve(folder, tokenFile), "utf8").trim(),
    clientCertificate: pemOf(user, "client-certificate", folder),
    clientKey: pemOf(user, "client-key", folder),
  };
}

/** The text of a kubeconfig with one context, for kubectl. */
export function formatKubeconfig(name: string, cluster: Cluster): string {
  const data = (pem: string | undefined) => (pem === undefined ? undefined : Buffer.from(pem).toString("base64"));
  return formatYaml({
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [
      {
        name,
        cluster: { server: cluster.server, "certificate-authority-data": data(cluster.certificateAuthority) },
      },
    ],
    users: [
      {
        name,
        user: {
          token: cluster.token,
          "client-certificate-data": data(cluster.clientCertificate),
          "client-key-data": data(cluster.clientKey),
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
  });
}

/** `field` as base64 in `field-data`, else as a file's path in `field`. */
function pemOf(fields: Fields, field: string, folder: string): string | undefined {
  const data = textOf(fields, `${field}-data`, field);
  if (data !== undefined) return Buffer.from(data, "base64").toString();
  const path = textOf(fields, field, field);
  return path === undefined ? undefined : readFileSync(resolve(folder, path), "utf8");
}

function entryOf(config: Fields, list: string, field: string, name: string): Fields {
  const entries = config[list];
  const found = Array.isArray(entries) ? entries.find((entry) => fieldsOf(entry, list)["name"] === name) : undefined;
  if (found === undefined) throw new Error(`${list} has no "${name}"`);
  return fieldsOf(fieldsOf(found, list)[field] ?? {}, `${field} "${name}"`);
}

function textOf(fields: Fields, field: string, where: string): string | undefined {
  const value = fields[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw new Error(`${field} of ${where} is ${JSON.stringify(value)}, not a text`);
  return value;
}

function fieldsOf(value: unknown, where: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${where} is not a mapping`);
  return value as Fields;
}
