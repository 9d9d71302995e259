// A law of watches: whatever a selector, a list and the watch from its revision tell together what there is.

import { describe, expect, test } from "bun:test";
import { at, configMap, TestApi, type TestWatch } from "#test/lab/api.ts";
import { Random } from "#test/random.ts";

const maps = "/api/v1/namespaces/shop/configmaps";
const selectors = [
  "",
  "labelSelector=app%3Da",
  "labelSelector=app!%3Da",
  "labelSelector=app in (a,b),!old",
  "fieldSelector=metadata.name%3Dm1",
  "labelSelector=app&fieldSelector=metadata.name!%3Dm2",
];

async function change(random: Random, api: TestApi): Promise<void> {
  const name = `m${random.below(5)}`;
  const labels = { app: random.pick(["a", "b", null]), old: random.pick(["yes", null]) };
  const there = Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== null));
  switch (random.below(4)) {
    case 0:
      await api.send(`POST ${maps}`, { ...configMap(name), metadata: { name, labels: there } });
      break;
    case 1:
      await api.send(`DELETE ${maps}/${name}`);
      break;
    case 2:
      await api.patch(`${maps}/${name}`, "merge", { metadata: { labels } });
      break;
    default:
      await api.patch(`${maps}/${name}`, "merge", { data: { value: String(random.below(3)) } });
  }
}

type View = { readonly selector: string; readonly seen: Map<unknown, unknown>; readonly watch: TestWatch };

/** A list in pages, and the watch that goes on from it. */
async function listAndWatch(random: Random, api: TestApi, selector: string): Promise<View> {
  const seen = new Map<unknown, unknown>();
  let token = "";
  let revision: unknown;
  do {
    const { body } = await api.send(`GET ${maps}?limit=${random.int(1, 3)}&${selector}&continue=${token}`);
    for (const item of at(body, "items") as readonly unknown[]) seen.set(at(item, "metadata.name"), item);
    revision = at(body, "metadata.resourceVersion");
    token = String(at(body, "metadata.continue") ?? "");
    // Others write between the pages.
    if (random.bool()) await change(random, api);
  } while (token !== "");
  return { selector, seen, watch: await api.watch(`${maps}?resourceVersion=${revision}&${selector}`) };
}

/** What the events make of what was listed; each has to fit the state before it. */
function replay({ seen, watch }: View): ReadonlyMap<unknown, unknown> {
  const now = new Map(seen);
  for (const event of watch.events) {
    const object = at(event, "object");
    const name = at(object, "metadata.name");
    const type = at(event, "type");
    expect([type, now.has(name)]).toEqual([type, type !== "ADDED"]);
    if (type === "DELETED") now.delete(name);
    else now.set(name, object);
  }
  return now;
}

describe("a watch", () => {
  test("tells, together with the list before it, what there is", async () => {
    for (let seed = 0; seed < 40; seed++) {
      const random = new Random(seed);
      using api = await TestApi.withShop();
      using watches = new DisposableStack();
      const views: View[] = [];
      for (let step = 0; step < 40; step++) {
        await change(random, api);
        if (!random.chance(8)) continue;
        const view = await listAndWatch(random, api, random.pick(selectors));
        watches.use(view.watch);
        views.push(view);
      }
      for (const view of views) {
        await view.watch.lines();
        const { body } = await api.send(`GET ${maps}?${view.selector}`);
        const items = at(body, "items") as readonly unknown[];
        const expected = new Map(items.map((item) => [at(item, "metadata.name"), item]));
        expect(new Map([...replay(view)].sort()), `seed ${seed}, ${view.selector}`).toEqual(expected);
      }
    }
  });
});
