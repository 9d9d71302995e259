// What is more than who asks whom: addresses that move, run out and come back, ways of packets, and many services at once.

import { expect } from "bun:test";
import { askWorld } from "#cli/policy/question.ts";
import { events, services } from "#kube/resource.ts";
import { nodeSource } from "#lab/probe/cast.ts";
import { runProbe } from "#lab/probe/run.ts";
import type { World } from "#model/policy/world.ts";
import { podTool, within } from "#test/lab.ts";
import { allPorts, type Made, service } from "./row.ts";
import type { ServiceLab } from "./service-lab.ts";

export type Deed = {
  readonly title: string;
  readonly run: (lab: ServiceLab) => Promise<void>;
  /** Only where nodes reach each other's pods without an overlay. */
  readonly direct?: boolean;
  /** Only in the long form. */
  readonly long?: boolean;
  /** One of the last: what it has made goes with the lab. */
  readonly leaves?: boolean;
};

const namespace = "default";
const a = { selector: { app: "a" } };
const a2 = { selector: { name: "a2" } };
const patienceMs = 30_000;
/** Nobody must answer: an answer that comes later than this is not waited for. */
const refusedSeconds = 0.3;
/** A node that says nothing is NotReady after 25 seconds. */
const crashMs = 60_000;
/** Long enough that a busy machine asks twice within it. */
const affinitySeconds = 4;
const excluded = "node.kubernetes.io/exclude-from-external-load-balancers";
/** What the lab's pool has (docs/lab.md). */
const poolSize = 16;

export const deeds: readonly Deed[] = [
  {
    title:
      "a balancer's address is announced by one node, by another one when that is excluded, and by none when the service goes",
    run: async (lab) => {
      await lab.play({ make: [service("web", { ...a, type: "LoadBalancer" })] });
      const address = await outerAddress(lab);
      const first = await announcer(lab, address);
      expect(lab.labs.apart(`"$0" services web --lab ${lab.name}`).stdout).toContain(`announced by ${first}`);
      await lab.play({ change: { [`node ${first}`]: { metadata: { labels: { [excluded]: "" } } } } });
      expect(await within(patienceMs, async () => (await announcer(lab, address)) !== first)).toBe(true);
      expect(await lab.play({ ask: [["client a1 u1", `tcp ${address} 80`, "a1 a2 a3"]] })).toEqual([]);
      await lab.play({ remove: ["service web"] });
      lab.inside("switch", "ip", "neigh", "flush", "to", address);
      const isGone = async () => (await errorOf(lab, "client", address, 80)) === "unreachable";
      expect(await within(patienceMs, isGone)).toBe(true);
    },
  },
  {
    title:
      "packets find at a balancer's address whom explain says: whom source ranges admit, and nobody with ipMode Proxy",
    run: async (lab) => {
      const loadBalancerSourceRanges = ["{client}/32", "{a1}/32", "{u1}/32", "{node1}/32"];
      // The class is nobody's, so the status is the test's to write.
      const own = { type: "LoadBalancer", loadBalancerClass: "example.com/own", loadBalancerSourceRanges };
      await lab.play({
        make: [
          service("web", { ...a, type: "LoadBalancer", loadBalancerSourceRanges }),
          service("own", { ...a, ...own }),
        ],
      });
      const given = async () => (await lab.resolve("{web:outer}").catch(() => "")) !== "";
      expect(await within(patienceMs, given)).toBe(true);
      const inside = ["a1", "a2", "u1", "u2", "node1", "node2", "h1", "h2"];
      const isLed = async (world: World, from: string, place: string) => {
        const name = from === "client" ? await lab.resolve("{client}") : from;
        const answers = askWorld(world, name, place, namespace);
        return answers.some(({ route, allowed }) => route !== undefined && allowed);
      };
      const differences = async (host: string, admitted: readonly string[], askers: readonly string[]) => {
        const found = [
          ...(await lab.play({ ask: admitted.map((from) => [from, `tcp ${host} 80`, "a1 a2 a3"] as const) })),
        ];
        const world = await lab.world();
        for (const from of askers) {
          const isAdmitted = admitted.includes(from);
          if ((await isLed(world, from, `${host}:80`)) !== isAdmitted) found.push(`explain is wrong about ${from}`);
          if (!isAdmitted && (await errorOf(lab, from, host, 80, refusedSeconds)) === undefined)
            found.push(`${from} is answered`);
        }
        return found;
      };
      const admitted = ["a1", "u1", "node1", "h1"];
      const outer = await lab.resolve("{web:outer}");
      expect(await differences(outer, ["client", ...admitted], ["client", ...inside])).toEqual([]);
      const kept = "192.0.2.90";
      const metadata = { namespace, name: "own" };
      for (const ipMode of ["VIP", "Proxy"]) {
        const status = { loadBalancer: { ingress: [{ ip: kept, ipMode }] } };
        await lab.client.apply(services, { metadata, status }, "status");
        await lab.settled();
        expect(await differences(kept, ipMode === "VIP" ? admitted : [], inside)).toEqual([]);
      }
    },
  },
  {
    title: "a pool that has no address left says so in an event, and gives the first that comes back",
    run: async (lab) => {
      const names = Array.from({ length: poolSize + 1 }, (_, index) => `pool-${index}`);
      await lab.play({
        make: names.map((name) => service(name, { ...a, type: "LoadBalancer", allocateLoadBalancerNodePorts: false })),
      });
      const without = async () => {
        const { items } = await lab.client.listAll(services, { namespace });
        return items.filter(
          ({ metadata, status }) => metadata.name.startsWith("pool-") && status?.loadBalancer?.ingress === undefined,
        );
      };
      expect(await within(patienceMs, async () => (await without()).length === 1)).toBe(true);
      const [last] = await without();
      const isTold = async () => {
        const { items } = await lab.client.listAll(events, { namespace });
        return items.some(
          ({ involvedObject, reason }) =>
            involvedObject.name === last?.metadata.name && reason === "NoLoadBalancerAddress",
        );
      };
      expect(await within(patienceMs, isTold)).toBe(true);
      await lab.play({ remove: [`service ${names.find((name) => name !== last?.metadata.name)}`] });
      expect(await within(patienceMs, async () => (await without()).length === 0)).toBe(true);
    },
  },
  {
    title: "answers of a direct return pass by the node that was asked, and others go through it",
    direct: true,
    run: async (lab) => {
      const direct = { "twill.dev/direct-return": "true", "twill.dev/balance": "maglev" };
      await lab.play({
        make: [service("hidden", { ...a2, type: "NodePort" }), service("direct", { ...a2, type: "NodePort" }, direct)],
      });
      const counted = async (name: string) => {
        const port = Number(await lab.resolve(`{${name}:port}`));
        await lab.question("node1", { do: "watch", device: "eth0" });
        expect(await lab.play({ ask: [["client", `tcp {node1} ${port}`, "a2"]] })).toEqual([]);
        const [counts] = await lab.question("node1", { do: "seen", port });
        return counts;
      };
      expect((await counted("hidden"))?.out).toBeGreaterThan(0);
      expect(await counted("direct")).toMatchObject({ out: 0, in: expect.any(Number) });
    },
  },
  {
    title: "a path with smaller packets on the way to the client is found through a node port",
    run: async (lab) => {
      await lab.play({
        make: [
          service("near", { selector: { name: "a1" }, type: "NodePort" }),
          service("far", { ...a2, type: "NodePort" }),
        ],
      });
      const [device = ""] =
        /dev (\S+)/.exec(lab.inside("switch", "ip", "route", "get", await lab.resolve("{client}")))?.slice(1) ?? [];
      lab.inside("switch", "ip", "link", "set", device, "mtu", "1280");
      try {
        const path = `/${"x".repeat(1500)}`;
        const ask = (name: string) =>
          ["client", `tcp {node1} {${name}:port}`, name === "far" ? "a2" : "a1", { path }] as const;
        expect(await lab.play({ ask: [ask("near"), ask("far")] })).toEqual([]);
        // Whoever sent too much was told so, by the address that it sent to.
        expect(lab.inside("default/a1", "ip", "route", "get", await lab.resolve("{client}"))).toContain("mtu 1280");
        expect(lab.inside("default/a2", "ip", "route", "get", await lab.resolve("{node1}"))).toContain("mtu 1280");
      } finally {
        lab.inside("switch", "ip", "link", "set", device, "mtu", "1500");
      }
    },
  },
  {
    title: "a client that was away for longer than its affinity lasts is anybody's again",
    run: async (lab) => {
      const askers = ["a1", "a2", "a3", "u1", "u2", "u3", "client"];
      const sessionAffinityConfig = { clientIP: { timeoutSeconds: affinitySeconds } };
      await lab.play({
        make: [service("web", { ...a, type: "NodePort", sessionAffinity: "ClientIP", sessionAffinityConfig })],
      });
      const [own, outer] = [await lab.resolve("{web} 80"), await lab.resolve("{node1} {web:port}")];
      const whom = async () =>
        await Promise.all(
          askers.map(async (from) => {
            const [host, port] = (from === "client" ? outer : own).split(" ");
            const [answer] = await lab.question(from, {
              do: "ask",
              protocol: "tcp",
              host,
              port: Number(port),
              least: 1,
              most: 1,
              distinct: 1,
            });
            return answer?.pod;
          }),
        );
      await within(patienceMs, async () => !(await whom()).includes(undefined));
      const before = await whom();
      expect(await whom()).toEqual(before);
      // Seconds are counted whole.
      await Bun.sleep((affinitySeconds + 1) * 1000 + 100);
      // All seven stay by chance once in two thousand times.
      expect(await whom()).not.toEqual(before);
    },
  },
  {
    title: "what is amiss with a service is in the status of the lab, too",
    run: async (lab) => {
      const sentence = 'Service default/web: annotation twill.dev/balance must be one of random, maglev, found "best"';
      await lab.play({ make: [service("web", a, { "twill.dev/balance": "best" })], problems: { node1: [sentence] } });
      expect(lab.labs.ok("status", lab.name)).toContain(sentence);
    },
  },
  {
    title: "a thousand services that come at once are all reached",
    leaves: true,
    run: async (lab) => {
      const many = Array.from(
        { length: 1000 },
        (_, index): Made => service(`many-${index}`, { ...a, ports: allPorts.slice(0, 1) }),
      );
      await lab.loadAll(many);
      await lab.settled();
      const { items } = await lab.client.listAll(services, { namespace });
      const hosts = items
        .filter(({ metadata }) => metadata.name.startsWith("many-"))
        .map(({ spec }) => spec?.clusterIP ?? "");
      const askers = ["a1", "u2", "node3"];
      const closed = async () => {
        const rounds = await Promise.all(
          askers.map(async (name) => {
            const from = { ...nodeSource(name), kind: "node" as const };
            const attempts = hosts.map((host) => {
              const to = {
                ...nodeSource(host),
                kind: "pod" as const,
                protocol: "tcp" as const,
                port: 80,
                hosts: { node: { host } },
              };
              return { from, to, host, port: 80 };
            });
            return { ...(await lab.targetOf(name)), attempts };
          }),
        );
        const outcomes = await runProbe(rounds, {
          tool: podTool,
          timeoutMs: 5_000,
          progress: () => {},
          podsOf: new Map(),
          maxNeighbours: 0,
        });
        return outcomes.filter(({ result }) => result !== "open").length + askers.length * 1000 - outcomes.length;
      };
      expect(await within(patienceMs, async () => (await closed()) === 0)).toBe(true);
    },
  },
  {
    title: "a balancer's address moves when its node crashes",
    long: true,
    leaves: true,
    run: async (lab) => {
      await lab.play({ make: [service("web", { ...a, type: "LoadBalancer" })] });
      const address = await outerAddress(lab);
      const first = await announcer(lab, address);
      lab.labs.ok("node", "crash", "--lab", lab.name, first);
      const moved = async () => ![first, "nobody"].includes(await announcer(lab, address));
      expect(await within(crashMs, moved)).toBe(true);
      expect(await errorOf(lab, "client", address, 80)).toBeUndefined();
    },
  },
];

async function outerAddress(lab: ServiceLab): Promise<string> {
  let address = "";
  const isGiven = async () => {
    address = await lab.resolve("{web:outer}").catch(() => "");
    return address !== "";
  };
  expect(await within(patienceMs, isGiven)).toBe(true);
  expect(await lab.play({ ask: [["client", `tcp ${address} 80`, "a1 a2 a3"]] })).toEqual([]);
  return address;
}

/** The node whose hardware address the switch has for an address. */
async function announcer(lab: ServiceLab, address: string): Promise<string> {
  await errorOf(lab, "client", address, 80);
  const mac = /lladdr (\S+)/.exec(lab.inside("switch", "ip", "neigh", "show", address))?.[1] ?? "none";
  for (const node of ["node1", "node2", "node3"]) {
    const { exitCode, stdout } = lab.labs.inside(lab.name, node, "cat", "/sys/class/net/eth0/address");
    if (exitCode === 0 && stdout.trim() === mac) return node;
  }
  return "nobody";
}

async function errorOf(
  lab: ServiceLab,
  from: string,
  host: string,
  port: number,
  timeout = 4,
): Promise<string | undefined> {
  const [answer] = await lab.question(from, {
    do: "ask",
    protocol: "tcp",
    host,
    port,
    least: 1,
    most: 1,
    distinct: 1,
    timeout,
  });
  return answer?.error;
}
