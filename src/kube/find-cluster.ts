// Which API server a program of the cluster talks to: the one that a kubeconfig names, else the one whose pod it is in.

import { existsSync, readFileSync } from "node:fs";
import type { Cluster } from "./http-transport.ts";
import { readKubeconfig } from "./kubeconfig.ts";

/** Where the kubelet puts what a pod needs to speak to the API server. */
const accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/** `kubeconfig` is a file's path. Throws an Error that says what to give when neither is there. */
export function findCluster(kubeconfig: string | undefined, env: ReadonlyMap<string, string>): Cluster {
  if (kubeconfig !== undefined && kubeconfig !== "") return readKubeconfig(kubeconfig);
  const [host, port = "443"] = [env.get("KUBERNETES_SERVICE_HOST"), env.get("KUBERNETES_SERVICE_PORT")];
  const token = `${accountFolder}/token`;
  if (host === undefined || !existsSync(token)) {
    throw new Error(
      "Cannot find the API server: this is no pod of a cluster; name a kubeconfig with --kubeconfig or KUBECONFIG",
    );
  }
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    certificateAuthority: readFileSync(`${accountFolder}/ca.crt`, "utf8"),
    // Kubelets renew it every hour or so.
    get token() {
      return readFileSync(token, "utf8").trim();
    },
  };
}
