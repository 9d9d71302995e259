// Events as an API server has them afterwards.

import { expect, test } from "bun:test";
import { BareServer } from "#test/lab/bare-server.ts";
import { EventRecorder } from "./event-recorder.ts";
import { events } from "./resource.ts";

test("equal events are one that counts, and of one object there are not more than anybody reads", async () => {
  using server = new BareServer();
  await server.addNamespace("shop");
  let nowMs = Date.UTC(2026, 0, 1);
  const source = { client: server.client, component: "twill-agent", node: "n1", now: () => nowMs };
  const recorder = new EventRecorder(source);
  const note = (name: string, message: string) =>
    recorder.note({
      object: { apiVersion: "v1", kind: "Pod", namespace: "shop", name, uid: "u1" },
      ...{ type: "Warning", reason: "FailedNetworkSetup", message },
    });
  const written = async () =>
    (await server.client.listAll(events, { namespace: "shop" })).items.map(
      ({ involvedObject, message, count }) => `${involvedObject.name}: ${message} (${count})`,
    );
  for (let i = 0; i < 3; i++) note("web", "no address");
  note("db", "no address");
  for (let i = 0; i < 100; i++) note("web", `another reason ${i}`);
  while ((await written()).length < 24) await Bun.sleep(1);
  await Bun.sleep(5);
  expect((await written()).toSorted().slice(0, 3)).toEqual([
    "db: no address (1)",
    "web: another reason 0 (1)",
    "web: another reason 1 (1)",
  ]);
  expect(await written()).toContain("web: no address (3)");
  expect(await written()).toHaveLength(24);
  nowMs += 300_000;
  for (let i = 0; i < 2; i++) note("web", "after a while");
  while (!(await written()).includes("web: after a while (1)")) await Bun.sleep(1);
});
