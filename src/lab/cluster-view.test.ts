// Services, slices and namespaces of an API server in memory, as a node sees them, and the names they make.

import { describe, expect, test } from "bun:test";
import { KubeClient } from "#kube/client.ts";
import { endpointSlices, namespaces, services } from "#kube/resource.ts";
import { localTransport } from "#lab/apiserver/local-transport.ts";
import { TestApi } from "#test/lab/api.ts";
import { pace } from "#test/lab/cluster.ts";
import { until } from "#test/until.ts";
import { ClusterView } from "./cluster-view.ts";
import { lookUp, namesOf } from "./dns/cluster-names.ts";

function slice(name: string, service: string, addresses: readonly string[]) {
  return {
    metadata: { namespace: "shop", name, labels: { "kubernetes.io/service-name": service } },
    addressType: "IPv4",
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ port: 80, protocol: "TCP" }],
  };
}

describe("ClusterView", () => {
  test("finds services by name and by address, their slices, and tells which of them changed", async () => {
    using api = await TestApi.withShop();
    const client = new KubeClient(localTransport(api.server, { username: "t", groups: ["system:masters"] }), "test");
    const shop = { namespace: "shop" };
    await client.create(services, { metadata: { ...shop, name: "web" }, spec: { ports: [{ port: 80 }] } });
    using view = new ClusterView({ client, pace, failed: (error) => expect.unreachable(String(error)) });
    await view.synced;
    expect([...view.services]).toEqual(["shop/web"]);
    expect([view.hasNamespace("shop"), view.hasNamespace("bank")]).toEqual([true, false]);
    const address = view.service("shop/web")?.spec?.clusterIP ?? "";
    const at = (ip: string) => view.servicesAt(ip).map(({ metadata }) => metadata.name);
    expect(at(address)).toEqual(["web"]);

    const told: string[] = [];
    const unsubscribe = view.subscribe((name) => told.push(name));
    await client.create(services, {
      metadata: { ...shop, name: "db" },
      spec: { clusterIP: "None", ports: [{ port: 80 }] },
    });
    await client.create(endpointSlices, slice("db-1", "db", ["10.244.1.7"]));
    await until(() => view.slicesOf("shop/db").length === 1);
    expect(told).toEqual(["shop/db", "shop/db"]);
    expect(at("10.244.1.7")).toEqual(["db"]);

    await client.apply(endpointSlices, slice("db-1", "web", ["10.244.1.8"]));
    await until(() => view.slicesOf("shop/web").length === 1);
    expect(told.slice(2).sort()).toEqual(["shop/db", "shop/web"]);
    expect([view.slicesOf("shop/db"), at("10.244.1.7"), at("10.244.1.8")]).toEqual([[], [], ["web"]]);

    unsubscribe();
    await client.remove(services, { ...shop, name: "web" });
    await until(() => view.service("shop/web") === undefined);
    expect([at(address), told.length]).toEqual([[], 4]);
  });

  test("makes the names of cluster DNS", async () => {
    using api = await TestApi.withShop();
    const client = new KubeClient(localTransport(api.server, { username: "t", groups: ["system:masters"] }), "test");
    using view = new ClusterView({ client, pace, failed: (error) => expect.unreachable(String(error)) });
    await view.synced;
    const names = namesOf(view, "cluster.local");
    const show = (name: string, type: string) => {
      const found = lookUp(name, type, names);
      return found.found === "records"
        ? found.answers.map((each) => ("data" in each ? each.data : "")).join()
        : found.found;
    };
    expect(show("db.shop.svc.cluster.local", "A")).toBe("missing");
    await client.create(services, {
      metadata: { namespace: "shop", name: "db" },
      spec: { clusterIP: "None", ports: [{ port: 80 }] },
    });
    await client.create(endpointSlices, slice("db-1", "db", ["10.244.1.7", "10.244.2.8"]));
    await client.create(namespaces, { metadata: { name: "bank" } });
    await until(() => view.slicesOf("shop/db").length === 1 && view.hasNamespace("bank"));
    expect(show("db.shop.svc.cluster.local", "A")).toBe("10.244.1.7,10.244.2.8");
    expect(show("8.2.244.10.in-addr.arpa", "PTR")).toBe("10-244-2-8.db.shop.svc.cluster.local");
    expect(show("bank.svc.cluster.local", "A")).toBe("");
  });
});
