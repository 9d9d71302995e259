// Statuses that are written while the API still tells of earlier ones.

import { expect, test } from "bun:test";
import type { PodStatus } from "kubernetes-types/core/v1";
import type { Pod } from "#kube/kinds.ts";
import { nodes, pods } from "#kube/resource.ts";
import { BareServer } from "#test/lab/bare-server.ts";
import { changes, StatusWriter } from "./status-writer.ts";

const place = { namespace: "shop", name: "web" };
const maxPatches = 20;

/** As `podStatus` does: what has not changed keeps the time since when it is so. */
function statusOf(pod: Pod, ready: boolean, now: string): PodStatus {
  const status = ready ? "True" : "False";
  const before = pod.status?.conditions?.find(({ type }) => type === "Ready");
  const since = before?.status === status ? before.lastTransitionTime : now;
  return { conditions: [{ type: "Ready", status, ...(since === undefined ? {} : { lastTransitionTime: since }) }] };
}

test("StatusWriter comes to rest when watches tell of each status while the next one is being written", async () => {
  const patched: Pod[] = [];
  let during = (_earlier: Pod) => {};
  using server = new BareServer((inner) => ({
    ...inner,
    request: async (request) => {
      const earlier = patched.at(-1);
      const answer = await inner.request(request);
      if (request.method !== "PATCH" || patched.length >= maxPatches) return answer;
      patched.push(answer as Pod);
      if (earlier !== undefined) during(earlier);
      return answer;
    },
  }));
  const { client } = server;
  await server.addNamespace(place.namespace);
  await client.create(nodes, { metadata: { name: "node1" } });
  const containers = [{ name: "web", image: "web" }];
  const pod = await client.create(pods, { metadata: place, spec: { nodeName: "node1", containers } });
  const writer = new StatusWriter(client, pod, () => {});
  let time = 0;
  const write = (ready: boolean) => writer.write(statusOf(writer.pod, ready, `2026-01-02T03:04:${10 + time++}Z`));

  write(true);
  await writer.flushed();
  // The world changes back at once.
  during = (earlier) => {
    writer.saw(earlier);
    write(true);
  };
  write(false);
  await writer.flushed();
  const said = patched.map(({ status }) =>
    status?.conditions?.map((each) => `${each.status} ${each.lastTransitionTime}`),
  );
  expect(said).toEqual([["True 2026-01-02T03:04:10Z"], ["False 2026-01-02T03:04:11Z"], ["True 2026-01-02T03:04:12Z"]]);
  expect(writer.pod.status?.conditions).toEqual((await client.get(pods, place)).status?.conditions ?? []);
});

test("changes() names what differs, and nothing when nothing does", () => {
  expect(changes({ phase: "Pending", hostIP: "a" }, { phase: "Running", hostIP: "a" })).toEqual({ phase: "Running" });
  expect(changes({ phase: "Running", more: 1 }, { phase: "Running" })).toBeUndefined();
});
