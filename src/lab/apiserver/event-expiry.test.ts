// Old events go when new ones come.

import { expect, test } from "bun:test";
import { names, TestApi } from "#test/lab/api.ts";

test("events end an hour after they were last seen", async () => {
  using api = await TestApi.withShop();
  const path = "/api/v1/namespaces/shop/events";
  const event = (name: string) => ({
    apiVersion: "v1",
    kind: "Event",
    metadata: { name },
    involvedObject: { kind: "Pod" },
  });
  const hourMs = 3_600_000;
  await api.send(`POST ${path}`, event("old"));
  await api.send(`POST ${path}`, event("repeated"));
  api.nowMs += hourMs / 2;
  const lastTimestamp = new Date(api.nowMs).toISOString();
  await api.patch(`${path}/repeated`, "merge", { lastTimestamp, count: 2 });
  api.nowMs += hourMs / 2 + 1_000;
  await api.send(`POST ${path}`, event("new"));
  expect(names(await api.send(`GET ${path}`))).toBe("new repeated");
  api.nowMs += hourMs * 2;
  expect(names(await api.send(`GET ${path}`))).toBe("new repeated");
  await api.send(`POST ${path}`, event("newer"));
  expect(names(await api.send(`GET ${path}`))).toBe("newer");
});
