// What paths of the API name.

import { describe, expect, test } from "bun:test";
import { parseResourcePath } from "./request-info.ts";

describe("parseResourcePath()", () => {
  type Row = readonly [path: string, named: string | undefined];
  const rows: readonly Row[] = [
    ["/api/v1/pods", "|v1||pods||"],
    ["/api/v1/pods/", "|v1||pods||"],
    ["/api/v1/namespaces", "|v1||namespaces||"],
    ["/api/v1/namespaces/shop", "|v1||namespaces|shop|"],
    ["/api/v1/namespaces/shop/status", "|v1||namespaces|shop|status"],
    ["/api/v1/namespaces/shop/finalize", "|v1||namespaces|shop|finalize"],
    ["/api/v1/namespaces/shop/pods", "|v1|shop|pods||"],
    ["/api/v1/namespaces/shop/pods/a", "|v1|shop|pods|a|"],
    ["/api/v1/namespaces/shop/pods/a/log", "|v1|shop|pods|a|log"],
    ["/api/v1/namespaces/shop/services/a/proxy/x/y", "|v1|shop|services|a|proxy/x/y"],
    ["/apis/apps/v1/namespaces/shop/deployments/web/scale", "apps|v1|shop|deployments|web|scale"],
    [
      "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
      "rbac.authorization.k8s.io|v1||clusterroles|system:node|",
    ],
    ["/api", undefined],
    ["/api/v1", undefined],
    ["/apis/apps/v1", undefined],
    ["/apis/apps/v1/", undefined],
    ["/version", undefined],
    ["/", undefined],
  ];
  for (const [path, named] of rows) {
    test(`reads ${path}`, () => {
      const parsed = parseResourcePath(path);
      const text = parsed && [
        parsed.group,
        parsed.version,
        parsed.namespace,
        parsed.plural,
        parsed.name,
        parsed.subresource,
      ];
      expect(text?.map((part) => part ?? "").join("|")).toBe(named as string);
    });
  }
});
