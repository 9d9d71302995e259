// Services in the kernel's own maps: how they change, what a new agent takes over, what comes back, and what does not fit.

import { describe, expect, test } from "bun:test";
import { mendAll } from "#agent/comparing.ts";
import { Datapath } from "#datapath/datapath.ts";
import { preparePins } from "#datapath/pins.ts";
import { frontendsOf, type NodeSide } from "#model/service/frontend.ts";
import type { ServiceModel } from "#model/service/service.ts";
import type { SliceModel } from "#model/service/slice.ts";
import { cidr } from "#net/cidr.ts";
import { type Ip, ip } from "#net/ip.ts";
import { Sandbox } from "#test/sandbox.ts";
import { type GoneBackend, Services } from "./services.ts";
import { type Want, wantNothing } from "./want.ts";

const side: NodeSide = { node: "n1", zone: undefined, portAddresses: [ip("172.30.0.11")] };

function web(name: string, changes: Partial<ServiceModel> = {}): ServiceModel {
  return {
    ...{ name, createdAt: "2026-01-01T00:00:00Z", addresses: [ip("10.96.0.20")], externalAddresses: [] },
    ...{ balancerAddresses: [], ports: [{ name: "", protocol: "tcp", port: 80, nodePort: 0 }] },
    ...{ affinitySeconds: undefined, internalLocal: false, externalLocal: false, sourceRanges: undefined },
    ...{ balance: "random", directReturn: false, healthCheckNodePort: 0, faults: [] },
    ...changes,
  };
}

/** A cluster that changes at the test's word. */
class World implements Disposable {
  readonly path: Datapath;
  readonly log: string[] = [];
  readonly gone: GoneBackend[] = [];
  readonly #wants = new Map<string, Want & { readonly rank: string }>();
  nowMs = 0;
  services: Services;

  constructor(options: ConstructorParameters<typeof Datapath>[0] = { pins: undefined }) {
    this.path = new Datapath(options);
    this.services = this.start();
  }

  start(): Services {
    return new Services({
      datapath: this.path,
      wantOf: (owner) => this.#wants.get(owner) ?? { ...wantNothing, rank: owner },
      gone: (backends) => this.gone.push(...backends),
      log: (line) => this.log.push(line),
      nowMs: () => this.nowMs,
    });
  }

  want(service: ServiceModel, ...endpoints: readonly string[]): void {
    const slice: SliceModel = {
      ...{ service: service.name, family: "ipv4", ports: [{ name: "", protocol: "tcp", port: 8080 }] },
      endpoints: endpoints.map((address) => ({
        address: ip(address),
        state: "ready",
        node: "n1",
        zones: [],
        nodes: [],
      })),
    };
    const frontends = frontendsOf(service, [slice], side);
    this.#wants.set(service.name, { frontends, refusals: service.addresses, faults: [], rank: service.createdAt });
  }

  /** Brings a service to these endpoints; what was logged. */
  set(service: ServiceModel, ...endpoints: readonly string[]): readonly string[] {
    this.want(service, ...endpoints);
    return this.update(service.name);
  }

  remove(name: string): readonly string[] {
    this.#wants.delete(name);
    return this.update(name);
  }

  update(name: string): readonly string[] {
    this.log.length = 0;
    for (let names: readonly string[] = [name]; names.length > 0; ) names = this.services.update(names);
    return this.log.map((line) => line.replace("services: ", ""));
  }

  compare(): readonly string[] {
    this.log.length = 0;
    for (const damage of this.services.compare()) mendAll(damage, "services", (line) => this.log.push(line));
    return this.log.map((line) => line.replace("services: ", ""));
  }

  /** Whom a frontend leads to by the maps alone, as a program sees it. */
  leads(address: Ip, port: number, from: "inside" | "outside" = "inside"): string {
    const { frontends, slots, backends } = this.path.services;
    const frontend = frontends.get({ address, port, protocol: port === 0 ? 0 : 6 });
    if (frontend === undefined) return "nowhere";
    const { set, count } = frontend[from];
    const targets = Array.from({ length: count }, (_, slot) => {
      const backend = backends.get(slots.get({ set, slot }) ?? 0);
      return backend === undefined || backend.service !== frontend.service ? "broken" : backend.address;
    });
    return count === 0 ? "nobody" : targets.join(" ");
  }

  sizes(): readonly number[] {
    const { frontends, slots, backends, maglev, sourceRanges } = this.path.services;
    return [frontends, slots, backends, maglev, sourceRanges].map((map) => [...map.entries()].length);
  }

  [Symbol.dispose](): void {
    this.path[Symbol.dispose]();
  }
}

const vip = ip("10.96.0.20");
const [a, b, c] = ["10.244.1.1", "10.244.1.2", "10.244.1.3"];

describe("Services", () => {
  test("go from one whole set to another, and take away what is left a moment later", () => {
    using world = new World();
    expect(world.set(web("shop/web"), a, b)).toEqual([
      "add backend 1, 10.244.1.1:8080",
      "add backend 2, 10.244.1.2:8080",
      "add set 1: 1, 2",
      "set frontend 10.96.0.20:80 (6) → #1: 2 of set 1, flags 0 (missing)",
      "set frontend 10.96.0.20:0 (0) → #0: 0 of set 0, flags 0 (missing)",
    ]);
    expect([world.leads(vip, 80), world.leads(vip, 0)]).toEqual([`${a} ${b}`, "nobody"]);
    expect(world.set(web("shop/web"), a, b)).toEqual([]);
    expect(world.set(web("shop/web"), b, c)).toEqual([
      "add backend 3, 10.244.1.3:8080",
      "add set 2: 2, 3",
      "set frontend 10.96.0.20:80 (6) → #1: 2 of set 2, flags 0 (differs)",
      "retire set 1: 1, 2",
      "retire backend 1, 10.244.1.1:8080",
    ]);
    expect(world.leads(vip, 80)).toBe(`${b} ${c}`);
    expect(world.gone.map(({ protocol, address }) => `${protocol} ${address}`)).toEqual([`tcp ${a}`]);
    // Who was led there stays no longer, whoever is being led there now arrives.
    expect(world.path.services.backends.get(1)).toMatchObject({ address: ip(a), service: 0 });
    expect(world.sizes()).toEqual([2, 4, 3, 0, 0]);
    world.nowMs = 1000;
    world.services.removeRetired();
    expect(world.sizes()).toEqual([2, 2, 2, 0, 0]);
    expect(world.remove("shop/web").filter((line) => line.startsWith("remove"))).toEqual([
      "remove frontend 10.96.0.20:80 (6) → #1: 2 of set 2, flags 0 (nobody wants it)",
      "remove frontend 10.96.0.20:0 (0) → #0: 0 of set 0, flags 0 (nobody wants it)",
    ]);
    world.nowMs = 2000;
    world.services.removeRetired();
    expect(world.sizes()).toEqual([0, 0, 0, 0, 0]);
    expect(world.services.held.groups.size).toBe(0);
  });

  test("are taken over as they are by an agent that starts, and what nobody wants any more goes", () => {
    using box = new Sandbox();
    const pins = preparePins(box.dir(), "pins");
    const far = web("shop/far", {
      addresses: [ip("10.96.0.21")],
      balance: "maglev",
      sourceRanges: [cidr("192.0.2.0/24")],
    });
    const held = { ...far, balancerAddresses: [ip("198.51.100.7")] };
    let before: readonly number[] = [];
    {
      using world = new World({ pins });
      world.set(web("shop/web"), a, b);
      world.set(held, a, c);
      world.set(web("shop/old", { addresses: [ip("10.96.0.22")] }), a);
      before = world.sizes();
    }
    using world = new World({ pins });
    world.want(web("shop/web"), a, b);
    world.want(held, a, c);
    expect(world.update("shop/web")).toEqual([]);
    expect(world.update("shop/far")).toEqual([]);
    expect(world.compare()).toEqual([]);
    expect(world.sizes()).toEqual([...before]);
    world.services.removeLeftovers();
    expect(world.leads(ip("10.96.0.22"), 80)).toBe("nowhere");
    expect(world.leads(ip("198.51.100.7"), 80)).toBe(`${a} ${c}`);
    expect(world.set(web("shop/web"), a, c)[0]).toMatch(/^add backend 6, /);
  });

  test("come back when somebody deletes, changes or adds elements by hand", () => {
    using world = new World();
    world.set(web("shop/web", { balance: "maglev" }), a, b);
    world.set(web("shop/far", { addresses: [ip("10.96.0.21")] }), a, c);
    expect(world.compare()).toEqual([]);
    const { frontends, slots, backends, maglev, sourceRanges } = world.path.services;
    const before = world.sizes();
    frontends.delete({ address: vip, port: 80, protocol: 6 });
    frontends.set({ address: vip, port: 81, protocol: 6 }, { ...frontendValue(world), affinitySeconds: 1 });
    frontends.set({ address: vip, port: 0, protocol: 0 }, frontendValue(world));
    slots.delete({ set: 1, slot: 1 });
    slots.set({ set: 2, slot: 0 }, 1);
    slots.set({ set: 2, slot: 7 }, 1);
    backends.delete(1);
    backends.set(2, { address: ip("10.244.9.9"), port: 1, flags: 0, service: 1 });
    backends.set(99, { address: ip("10.244.9.9"), port: 1, flags: 0, service: 1 });
    maglev.delete({ set: 1, slot: 3 });
    sourceRanges.set({ service: 1, block: cidr("192.0.2.0/24") }, 1);
    expect(world.compare().toSorted()).toEqual([
      "backend 1 (10.244.1.1 8080) was missing, mended",
      "backend 2 had changed, mended",
      "backend 99 was strange, mended",
      "frontend 10.96.0.20 0 0 had changed, mended",
      "frontend 10.96.0.20 6 80 was missing, mended",
      "frontend 10.96.0.20 6 81 was strange, mended",
      "range 192.0.2.0/24 was strange, mended",
      "set 1 was not whole, mended",
      "set 2 was not whole, mended",
      "slot 7 of set 2 was strange, mended",
      "table of set 1 was not whole, mended",
    ]);
    expect(world.compare()).toEqual([]);
    expect(world.sizes()).toEqual([...before]);
    expect([world.leads(vip, 80), world.leads(ip("10.96.0.21"), 80)]).toEqual([`${a} ${b}`, `${a} ${c}`]);
  });

  test("that do not fit stay as they were, whole, while others go on", () => {
    using world = new World({ pins: undefined, sizes: { slots: 4 } });
    world.set(web("shop/web"), a, b);
    expect(world.set(web("shop/big", { addresses: [ip("10.96.0.21")] }), a, b, c)).toEqual([
      "Service shop/big stays as it was, a map of the packet path does not take more: Cannot write elements of a map: E2BIG",
    ]);
    expect(world.sizes()).toEqual([2, 2, 2, 0, 0]);
    expect(world.services.problems.length).toBe(1);
    // Its own change does not fit beside what it has.
    expect(world.set(web("shop/web"), a, b, c)[0]).toContain("Service shop/web stays as it was");
    expect(world.leads(vip, 80)).toBe(`${a} ${b}`);
    expect(world.set(web("shop/far", { addresses: [ip("10.96.0.22")] }), c).length).toBe(4);
    world.remove("shop/web");
    world.nowMs = 1000;
    world.services.removeRetired();
    for (const owner of world.services.waiting) world.update(owner);
    expect(world.leads(ip("10.96.0.21"), 80)).toBe(`${a} ${b} ${c}`);
    expect(world.services.problems).toEqual([]);
  });

  test("of which two want one place: the older one has it, until it goes", () => {
    using world = new World();
    const port = { ports: [{ name: "", protocol: "tcp", port: 80, nodePort: 30080 }] } as const;
    const young = web("shop/young", { ...port, createdAt: "2026-02-01T00:00:00Z" });
    const old = web("shop/old", { ...port, addresses: [ip("10.96.0.21")] });
    const node = ip("172.30.0.11");
    world.set(young, a);
    expect(world.leads(node, 30080)).toBe(a);
    world.set(old, b);
    expect(world.leads(node, 30080)).toBe(b);
    expect(world.services.problems).toEqual([
      "Service shop/young is not served at 172.30.0.11 tcp 30080: shop/old has it, and is older",
    ]);
    expect(world.leads(vip, 80)).toBe(a);
    world.remove("shop/old");
    expect([world.leads(node, 30080), world.services.problems]).toEqual([a, []]);
  });

  test("tell policies, affinity and source ranges apart, each as its own", () => {
    using world = new World();
    const service = web("shop/web", {
      ...{ externalAddresses: [ip("192.0.2.7")], balancerAddresses: [ip("198.51.100.7")], externalLocal: true },
      ...{ affinitySeconds: 60, sourceRanges: [cidr("203.0.113.0/24")] },
    });
    world.set(service);
    expect(world.leads(ip("192.0.2.7"), 80, "outside")).toBe("nobody");
    world.set(service, a);
    const { frontends, sourceRanges } = world.path.services;
    const at = (address: string) => frontends.get({ address: ip(address), port: 80, protocol: 6 });
    expect(at("198.51.100.7")).toMatchObject({ affinitySeconds: 60, outside: { count: 1, flags: 2 } });
    expect(at("192.0.2.7")).toMatchObject({ outside: { count: 1, flags: 0 } });
    expect([...sourceRanges.entries()].map(([{ block }]) => String(block))).toEqual(["203.0.113.0/24"]);
    world.set({ ...service, sourceRanges: [cidr("203.0.113.0/25")] }, a);
    expect([...sourceRanges.entries()].map(([{ block }]) => String(block))).toEqual(["203.0.113.0/25"]);
  });
});

function frontendValue(world: World) {
  const value = world.path.services.frontends.get({ address: ip("10.96.0.21"), port: 80, protocol: 6 });
  if (value === undefined) throw new Error("there is no frontend");
  return value;
}
