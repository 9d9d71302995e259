// An agent that enforces policies for real: pods wired by the shim, policies at an API server, packets through the kernel.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { BpfMap } from "#bpf/map.ts";
import { endpointsFormat, sourcesFormat } from "#datapath/formats.ts";
import { pinName, preparePins } from "#datapath/pins.ts";
import { list } from "#datapath/policy-format.ts";
import { openPinned } from "#kernel/bpf-map.ts";
import { monotonicSeconds } from "#kernel/monotonic-clock.ts";
import { networkPolicies, pods } from "#kube/resource.ts";
import { keepAnnotation } from "#model/policy/keep.ts";
import { ip } from "#net/ip.ts";
import { addressAt, startNode } from "#test/agent.ts";
import type { Netns } from "#test/sandbox.ts";
import { ControlGroup } from "#test/sockets/control-group.ts";
import { ask, askBriefly, startEcho } from "#test/traffic.ts";
import { until } from "#test/until.ts";
import { readDenials } from "./denials.ts";

const both = ["10.244.1.0/24", "fd00:10:244:1::/64"];
const port = 8080;
const testMs = 120_000;
/** Nothing comes any more when nothing has come for so long. */
const silentSeconds = 3;

type Started = Awaited<ReturnType<typeof startNode>>;
type Pod = { readonly netns: Netns; readonly v4: string; readonly v6: string };

/** What the runtime says of the pod. */
function args(name: string) {
  return { args: `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name}` };
}

async function createPod({ server }: Started, name: string, app = name): Promise<void> {
  const metadata = { namespace: "shop", name, labels: { app } };
  const spec = {
    nodeName: "n1",
    containers: [{ name: "a", image: "a", ports: [{ name: "web", containerPort: port }] }],
  };
  await server.client.create(pods, { metadata, spec });
}

async function addPod(it: Started, name: string): Promise<Pod> {
  await createPod(it, name);
  const { netns, result } = await it.node.addPod(name, args(name));
  await startEcho(it.box, netns, { port, name });
  return { netns, v4: addressAt(result, 0), v6: addressAt(result, 1) };
}

/** A policy that lets only pods with these labels reach the server. */
async function applyPolicy({ server }: Started, allowed: readonly string[], annotations = {}): Promise<void> {
  const from = allowed.map((app) => ({ podSelector: { matchLabels: { app } } }));
  await server.client.apply(networkPolicies, {
    metadata: { namespace: "shop", name: "db", annotations },
    spec: {
      podSelector: { matchLabels: { app: "db" } },
      policyTypes: ["Ingress"],
      ingress: allowed.length === 0 ? [] : [{ from, ports: [{ port: "web" }] }],
    },
  });
}

function isInForce({ node }: Started, policy: string, pods = 1): boolean {
  const state = node.agent.policies?.states().find((each) => each.policy === policy);
  return state?.sinceMs !== undefined && state.inForce === pods;
}

/** For so long a pod waits for its policies, seconds. */
async function start(patienceSeconds = 20) {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(new ControlGroup());
  const services = `{ enabled: true, cgroup: ${path} }`;
  const it = stack.use(
    await startNode(both, { programs: `{ folder: BPF }\npolicy: { patienceSeconds: ${patienceSeconds} }`, services }),
  );
  const owned = stack.move();
  return { ...it, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

describe("a node's policies", () => {
  test(
    "allow and refuse as they say, in both families, and follow labels and policies",
    async () => {
      await using it = await start();
      await it.server.addNamespace("shop");
      const [db, web, cart] = [await addPod(it, "db"), await addPod(it, "web"), await addPod(it, "cart")];
      const reach = ({ netns }: Pod, asks = ask) =>
        [db.v4, db.v6].map((address) => asks(it.box, netns, address, port) !== "");
      expect([reach(web), reach(cart)]).toEqual([
        [true, true],
        [true, true],
      ]);

      await applyPolicy(it, ["web"]);
      await until(() => isInForce(it, "NetworkPolicy shop/db"), "the policy is in force");
      expect([reach(web), reach(cart, askBriefly)]).toEqual([
        [true, true],
        [false, false],
      ]);
      const figures = it.node.agent.metrics.format().split("\n");
      for (const name of ["twill_policy_pods", "twill_policy_pods_in_force"])
        expect(figures).toContain(`${name}{policy="NetworkPolicy shop/db"} 1`);
      // The node to its own pod, and the pod to itself.
      expect(ask(it.box, it.node.netns, db.v4, port)).toStartWith("db");
      expect(reach(db)).toEqual([true, true]);

      await it.server.client.patch(pods, { namespace: "shop", name: "cart" }, "merge", {
        metadata: { labels: { app: "web" } },
      });
      await until(() => reach(cart, askBriefly).every(Boolean), "the label is seen");
      await it.server.client.remove(networkPolicies, { namespace: "shop", name: "db" });
      await until(() => it.node.agent.policies?.states().length === 0, "the policy is gone");
      expect(reach(web)).toEqual([true, true]);
      const { held } = it.node.agent.policies?.policies ?? {};
      await until(() => held?.sets.size === 0, "nothing is left");
      expect([held?.choices.size, held?.lists.size]).toEqual([0, 0]);
    },
    testMs,
  );

  test(
    "are in force before a new pod's ADD is answered, and outlive the agent",
    async () => {
      await using it = await start();
      await it.server.addNamespace("shop");
      await applyPolicy(it, []);
      const [web, db] = [await addPod(it, "web"), await addPod(it, "db")];
      expect(isInForce(it, "NetworkPolicy shop/db")).toBe(true);
      expect(askBriefly(it.box, web.netns, db.v4, port)).toBe("");
      await it.node.stopAgent();
      expect(askBriefly(it.box, web.netns, db.v4, port)).toBe("");
      // Somebody else's pod changes its labels while no agent runs.
      await applyPolicy(it, ["web"]);
      it.node.log.length = 0;
      await it.node.startAgent();
      expect(ask(it.box, web.netns, db.v4, port)).toStartWith("db");
      await it.node.stopAgent();
      it.node.log.length = 0;
      await it.node.startAgent();
      // What is right already is not written again.
      expect(it.node.log.filter((line) => line.startsWith("policies: "))).toEqual(["policies: enforced, 1 of them"]);
      expect(ask(it.box, web.netns, db.v4, port)).toStartWith("db");
    },
    testMs,
  );

  const kept: readonly (readonly [annotation: string, survives: boolean])[] = [
    ["false", false],
    ["true", true],
  ];
  for (const [keep, survives] of kept) {
    test(
      `${survives ? "keep" : "cut"} what is open when a policy forbids it and ${keepAnnotation} is ${keep}`,
      async () => {
        await using it = await start();
        await it.server.addNamespace("shop");
        const [db, web] = [await addPod(it, "db"), await addPod(it, "web")];
        await startEcho(it.box, db.netns, { protocol: "udp", port, name: "db" });
        // Says something every 100 ms, and tells what comes back, until nothing does.
        const script = `exec 3<>/dev/udp/${db.v4}/${port}; for i in $(seq 1000); do echo >&3; timeout ${silentSeconds} head -n1 <&3 || exit 1; sleep 0.1; done`;
        const talk = it.box.start(web.netns, ["bash", "-c", script]);
        let isOver = false;
        void talk.exited.then(() => {
          isOver = true;
        });
        const lines = () => talk.output().split("\n").length;
        await until(() => lines() > 2, "they talk");
        await applyPolicy(it, [], { [keepAnnotation]: keep });
        await until(() => isInForce(it, "NetworkPolicy shop/db"), "the policy is in force");
        const before = lines();
        await until(() => isOver || lines() > before + 3, "they talk on, or do not");
        expect(isOver).toBe(!survives);
        expect(askBriefly(it.box, web.netns, db.v4, port)).toBe("");
        const { policies, datapath } = it.node.agent;
        if (policies === undefined || datapath === undefined) throw new Error("policies are not enforced");
        expect(readDenials(datapath.policy, policies.policies, monotonicSeconds())).toContainEqual(
          expect.objectContaining({
            ...{ sourceName: "shop/web", destinationName: "shop/db", protocol: 6, port, direction: "ingress" },
            because: ["NetworkPolicy shop/db"],
          }),
        );
      },
      testMs,
    );
  }

  test(
    "keep a pod from starting whom they cannot know",
    async () => {
      await using it = await start(1);
      await it.server.addNamespace("shop");
      await applyPolicy(it, []);
      await until(() => it.node.agent.policies?.states().length === 1, "the policy is known");
      const { stdout } = await it.node.cni("ADD", "ghost", it.box.netns("ghost").path, args("ghost"));
      expect(JSON.parse(stdout)).toMatchObject({
        code: 11,
        msg: "Policies about shop/ghost eth0 are not in force after 1 s: the API server has told of no pod shop/ghost; it must not start without them",
      });
      expect(it.node.agent.endpoints.list()).toEqual([]);
    },
    testMs,
  );

  test(
    "come back when somebody deletes, changes or adds elements of their maps",
    async () => {
      await using it = await start();
      await it.server.addNamespace("shop");
      await applyPolicy(it, ["web"]);
      const [db, web, cart] = [await addPod(it, "db"), await addPod(it, "web"), await addPod(it, "cart")];
      await until(() => isInForce(it, "NetworkPolicy shop/db"), "the policy is in force");
      const { identities, sets, choices, lists } = it.node.agent.datapath?.policy ?? raise("the programs are not used");
      it.node.log.length = 0;
      const own = ip(web.v4);
      identities.set(ip(cart.v4), identities.get(own) ?? 0);
      identities.delete(own);
      for (const [set, chosen] of sets.entries()) sets.set(set, { ...chosen, ingress: list.allow });
      choices.deleteAll([...choices.entries()].map(([choice]) => choice));
      for (const [entry] of lists.entries()) lists.delete(entry);
      const pins = preparePins(`${it.node.folder}/bpf`, "twill-n1");
      using endpoints = openPinned(join(pins, pinName(endpointsFormat)));
      using sources = openPinned(join(pins, pinName(sourcesFormat)));
      new BpfMap(endpointsFormat, endpoints.number).delete(ip(db.v4));
      const senders = new BpfMap(sourcesFormat, sources.number);
      senders.deleteAll([...senders.entries()].map(([ifindex]) => ifindex));
      const whats = ["policies: identity", "policies: policy", "policies: choice", "policies: entry"];
      const all = [...whats, "endpoints: endpoint", "endpoints: source"];
      const isMended = (what: string) => it.node.log.some((line) => line.startsWith(what) && line.endsWith(", mended"));
      await until(() => all.every(isMended), "all is mended");
      for (const address of [db.v4, db.v6]) {
        await until(() => askBriefly(it.box, web.netns, address, port).startsWith("db"), `${address} answers`);
        expect(askBriefly(it.box, cart.netns, address, port)).toBe("");
      }
      expect(it.node.agent.metrics.format()).toMatch(/^twill_policy_mended_total [1-9]/m);
    },
    testMs,
  );
});

function raise(problem: string): never {
  throw new Error(problem);
}
