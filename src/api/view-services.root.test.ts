// Services of a running agent as its local API tells them.

import { expect, test } from "bun:test";
import { endpointSlices, services } from "#kube/resource.ts";
import { startNode } from "#test/agent.ts";
import { slice } from "#test/lab/services.ts";
import { Sandbox } from "#test/sandbox.ts";
import { SocketNode } from "#test/sockets/socket-node.ts";
import { until } from "#test/until.ts";
import { viewNamedServices, viewServices } from "./view-services.ts";

test("viewServices() tells where services are reached, who answers, and what is amiss", async () => {
  using groups = new Sandbox();
  await using sockets = new SocketNode(groups);
  await using it = await startNode(["10.244.1.0/24"], { services: `{ enabled: true, cgroup: ${sockets.cgroup} }` });
  const { client } = it.server;
  const namespace = "shop";
  await it.server.addNamespace(namespace);
  const spec = { clusterIP: "10.96.0.20", type: "NodePort" as const, ports: [{ port: 80, nodePort: 30080 }] };
  const metadata = { namespace, name: "web", annotations: { "twill.dev/balance": "best" } };
  await client.create(services, { metadata, spec });
  await client.create(
    endpointSlices,
    slice([
      { addresses: ["10.244.1.7"], nodeName: "n1", targetRef: { kind: "Pod", name: "web-1", namespace } },
      { addresses: ["10.9.9.9"] },
      { addresses: ["10.9.9.8"], conditions: { ready: false } },
    ]),
  );
  const view = () => viewServices(it.node.agent).services?.[0];
  await until(
    () => view()?.frontends[0]?.inside === 2 && view()?.frontends[0]?.served === true,
    "the service is served",
  );
  expect(view()).toMatchObject({
    name: "shop/web",
    frontends: [{ kind: "cluster", served: true }, ...Array(2).fill({ kind: "node-port", port: 30080, served: true })],
    backends: [
      { address: "10.244.1.7", port: 8080, local: true, connections: 0 },
      { address: "10.9.9.9", port: 8080, local: false, connections: 0 },
    ],
    problems: ['Service shop/web: annotation twill.dev/balance must be one of random, maglev, found "best"'],
  });
  expect(viewServices(it.node.agent).services?.map(({ name }) => name)).toEqual(["shop/web"]);
  const [whole] = (await viewNamedServices(it.node.agent, "shop/web")).services ?? [];
  const slices = { slices: ["web-1"], connections: 0 };
  expect(whole?.endpoints).toMatchObject([
    { address: "10.9.9.8", pod: null, node: null, state: "not ready", asked: false, ...slices },
    { address: "10.9.9.9", pod: null, state: "ready", asked: true, ...slices },
    { address: "10.244.1.7", pod: "shop/web-1", node: "n1", state: "ready", asked: true, ...slices },
  ]);
  for (const none of ["shop/none", "eb", "op/web"])
    expect((await viewNamedServices(it.node.agent, none)).services).toEqual([]);
  expect<unknown>((await viewNamedServices(it.node.agent, "web")).services).toEqual([whole]);
});
