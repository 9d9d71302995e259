// The API server of a lab: its kinds with their rules, in the lab's ranges of addresses.

import { ApiServer } from "#lab/apiserver/api-server.ts";
import type { Authorizer } from "#lab/apiserver/authorizer.ts";
import { builtinResources } from "#lab/apiserver/builtin/builtin.ts";
import { KubeletLink } from "#lab/apiserver/node-proxy/kubelet-link.ts";
import { Registry } from "#lab/apiserver/registry.ts";
import { NumberPool, ServiceRange } from "#lab/apiserver/rules/address-pool.ts";
import { withRules } from "#lab/apiserver/rules/rules.ts";
import type { Store } from "#lab/apiserver/store/store.ts";
import { kubePrinter } from "#lab/apiserver/table/printer.ts";
import { serviceBlock } from "#lab/fabric/addresses.ts";
import { familiesOf, type LabSpec } from "#lab/spec.ts";
import type { ServerCredentials } from "#lab/world/credentials.ts";

export type ApiHost = {
  readonly now: () => number;
  readonly random: (bytes: Uint8Array) => Uint8Array;
  readonly log: (line: string) => void;
};

/** As a kube-apiserver has it by default. */
const [firstNodePort, lastNodePort] = [30_000, 32_767];

export type ApiParts = { readonly store: Store; readonly authorizer: Authorizer; readonly pki: ServerCredentials };

export function labApi({ now, random, log }: ApiHost, spec: LabSpec, { store, authorizer, pki }: ApiParts): ApiServer {
  const pick = (count: number) => new DataView(random(new Uint8Array(4)).buffer).getUint32(0) % count;
  const ranges = familiesOf(spec.family).map((family) => new ServiceRange(serviceBlock[family], pick));
  const nodePorts = new NumberPool(firstNodePort, lastNodePort, pick);
  return new ApiServer({
    ...{
      store,
      authorizer,
      now,
      random,
      printer: kubePrinter,
      signingKey: pki.signingKey,
      kubelets: new KubeletLink(pki.toKubelets),
    },
    registry: new Registry(withRules(builtinResources, { ranges, nodePorts })),
    report: (error, { method, path }) => log(`${method} ${path}: ${error instanceof Error ? error.stack : error}`),
  });
}
