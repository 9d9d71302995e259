// An agent that is stopped while it still reads the cluster's services.

import { expect, test } from "bun:test";
import { services } from "#kube/resource.ts";
import { startNode } from "#test/agent.ts";
import { Sandbox } from "#test/sandbox.ts";
import { SocketNode } from "#test/sockets/socket-node.ts";

/** More than are written without giving others a turn. */
const count = 600;

test("an agent that is stopped before it has written all services leads no sockets to them", async () => {
  using groups = new Sandbox();
  await using sockets = new SocketNode(groups);
  await using it = await startNode(["10.244.1.0/24"], { services: `{ enabled: true, cgroup: ${sockets.cgroup} }` });
  const { node, server } = it;
  await node.stopAgent();
  await server.addNamespace("shop");
  for (let number = 0; number < count; number++)
    await server.client.create(services, {
      metadata: { namespace: "shop", name: `web-${number}` },
      spec: { ports: [{ port: 80 }] },
    });
  node.log.length = 0;
  await node.startAgent();
  const wasServing = node.agent.services?.isServing;
  await node.stopAgent();
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  const said = node.log.filter((line) => /^services: /.test(line) && !/ changes$|^services: wrote /.test(line));
  expect(said).toEqual(wasServing ? [expect.stringContaining("services: sockets below ")] : []);
}, 120_000);
