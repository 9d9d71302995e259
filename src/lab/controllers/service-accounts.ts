// What every namespace has from the start: the account "default", and the cluster's authority for its pods.

import { configMaps, serviceAccounts } from "#kube/resource.ts";
import type { Controller } from "./controller.ts";
import { create, type Operation, patch } from "./operation.ts";
import { isTerminating } from "./owner.ts";

/** The name of the ConfigMap that pods find the certificate of the API server's authority in. */
const rootCertificateName = "kube-root-ca.crt";

export function serviceAccountController(certificateAuthority: string): Controller {
  return {
    name: "serviceaccount",
    keys: (kind, { metadata }) => {
      if (kind === "namespaces") return [metadata.name ?? ""];
      return kind === "serviceAccounts" || kind === "configMaps" ? [metadata.namespace ?? ""] : [];
    },
    plan: (namespace, view) => {
      const object = view.namespaces.get(namespace);
      if (object === undefined || isTerminating(object)) return { operations: [] };
      const operations: Operation[] = [];
      if (!view.serviceAccounts.has(`${namespace}/default`)) {
        operations.push(
          create(serviceAccounts, { metadata: { namespace, name: "default" } }, "every namespace has it"),
        );
      }
      const data = { "ca.crt": certificateAuthority };
      const certificate = view.configMaps.get(`${namespace}/${rootCertificateName}`);
      if (certificate === undefined) {
        const metadata = { namespace, name: rootCertificateName };
        operations.push(create(configMaps, { metadata, data }, "every namespace has it"));
      } else if (certificate.data?.["ca.crt"] !== certificateAuthority) {
        operations.push(patch(configMaps, certificate, { data }, "it differs from the authority's"));
      }
      return { operations };
    },
  };
}
