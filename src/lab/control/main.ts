// The control plane of a lab, in one process.
//
//   host's loopback ──┐
//                     ├─► HTTP ─► API server ─► store (SQLite)
//   172.30.0.2:6443 ──┘              ▲
//                                    └── controllers, routes at the switch (no sockets)

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "#base/error-message.ts";
import { enterForGood, Netns } from "#kernel/netns.ts";
import { KubeClient } from "#kube/client.ts";
import { Mirror } from "#kube/mirror.ts";
import type { Pace } from "#kube/reflect.ts";
import { nodes } from "#kube/resource.ts";
import type { ApiServer } from "#lab/apiserver/api-server.ts";
import { Rbac } from "#lab/apiserver/authz/rbac.ts";
import { HttpFront } from "#lab/apiserver/http.ts";
import { controllerUser, localTransport } from "#lab/apiserver/local-transport.ts";
import { Store } from "#lab/apiserver/store/store.ts";
import { startControllers } from "#lab/controllers/all.ts";
import { podBlock } from "#lab/fabric/addresses.ts";
import { familiesOf, LabError, type LabSpec } from "#lab/spec.ts";
import { apiPort, readServerCredentials } from "#lab/world/credentials.ts";
import { holderOf } from "#lab/world/holders.ts";
import type { Places } from "#lab/world/places.ts";
import { readState } from "#lab/world/state.ts";
import { labApi } from "./api.ts";
import { bootstrap } from "./bootstrap.ts";
import { applyNodeRoutes, showRouteOperation, wantNodeRoutes } from "./node-routes.ts";

export type ControlHost = {
  readonly now: () => number;
  readonly random: (bytes: Uint8Array) => Uint8Array;
  readonly pace: Pace;
  readonly log: (line: string) => void;
  /** Resolves when the process is told to stop. */
  readonly stopped: Promise<void>;
};

const loopback = "127.0.0.1";
/** Every address of the control plane's namespace, for both families. */
const anywhere = "::";
/** Routes of nodes that stop and come back are looked at this often, beside every change of a node. */
const routePeriodMs = 1000;
/** Of a node's pods. */
const blockLength = { ipv4: 24, ipv6: 64 } as const;
/** A kubelet that has been silent for so long is gone; Kubernetes takes 50 s, of whoever watches a lab that is too much to ask. */
const nodeGraceMs = 25_000;

/** Runs until it is told to stop. @throws LabError when the lab is gone or a port is taken */
export async function runControl(host: ControlHost, places: Places): Promise<void> {
  const spec = readState(places);
  const holder = holderOf(places, "control");
  if (spec === undefined || holder === undefined) {
    throw new LabError(`Cannot run the control plane of lab "${places.name}": it is not up`);
  }
  mkdirSync(places.control, { recursive: true });
  using store = new Store({ path: join(places.control, "store.db") });
  using authorizer = new Rbac(store);
  const pki = readServerCredentials(places.control);
  using api = labApi(host, spec, { store, authorizer, pki });
  await using front = new HttpFront({ api, tls: pki });
  await front.listen(loopback, spec.port);
  // A socket stays where it was made; all later ones are made in the lab.
  using netns = new Netns(`/proc/${holder}/ns/net`);
  enterForGood(netns);
  await front.listen(anywhere, apiPort);
  host.log(`serving the API on ${loopback}:${spec.port} and in the lab`);
  await bootstrap(clientOf(api, "twill-lab"), spec);
  using _controllers = startLabControllers(host, api, spec, pki.authority);
  // Agents know the ways to each other's pods, and what is between nodes need not.
  using _routes =
    spec.agents === undefined ? followNodeRoutes(clientOf(api, "route-controller"), places, host) : undefined;
  await host.stopped;
}

function clientOf(api: ApiServer, manager: string): KubeClient {
  return new KubeClient(localTransport(api, controllerUser), manager);
}

function startLabControllers(
  host: ControlHost,
  api: ApiServer,
  spec: LabSpec,
  certificateAuthority: string,
): Disposable {
  const { pace, log, now } = host;
  return startControllers({
    ...{ client: clientOf(api, "kube-controller-manager"), pace, nowMs: now, log, certificateAuthority, nodeGraceMs },
    // Agents come with an operator.
    blockPools:
      spec.agents !== undefined
        ? []
        : familiesOf(spec.family).map((family) => ({ range: podBlock[family], blockLength: blockLength[family] })),
  });
}

function followNodeRoutes(
  client: KubeClient,
  places: Places,
  { log, pace }: Pick<ControlHost, "log" | "pace">,
): Disposable {
  const failed = (error: unknown) => log(`routes: ${messageOf(error)}`);
  const mirror = new Mirror({ client, resource: nodes, pace, changed: () => reconcile(), failed });
  function reconcile(): void {
    try {
      const spec = readState(places);
      if (spec === undefined) return;
      const done = applyNodeRoutes(places, wantNodeRoutes(spec, mirror.objects.values()));
      for (const operation of done) log(showRouteOperation(operation));
    } catch (error) {
      failed(error);
    }
  }
  const timer = setInterval(reconcile, routePeriodMs);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      mirror[Symbol.dispose]();
    },
  };
}
