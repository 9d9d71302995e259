// Policies that Kubernetes would refuse, from an API server that does not: what is wrong matches nothing, the pod stays isolated, the
// state of the policy says why, and other policies do as they say. What API servers take is in test/policy/bad-input.root.test.ts.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { networkPolicies, pods } from "#kube/resource.ts";
import type { Transport } from "#kube/transport.ts";
import { addressAt, startNode } from "#test/agent.ts";
import type { Netns } from "#test/sandbox.ts";
import { ControlGroup } from "#test/sockets/control-group.ts";
import { ask, askBriefly, startEcho } from "#test/traffic.ts";
import { until } from "#test/until.ts";

const both = ["10.244.1.0/24", "fd00:10:244:1::/64"];
const [port, limitMs] = [8080, 60_000];

/** What a row writes, and what the agent sees of it. */
const rewritten: readonly (readonly [right: string, wrong: string])[] = [
  ['"198.51.100.0/24"', '"198.51.100.0/99"'],
  ['"SCTP"', '"QUIC"'],
  ['"endPort":9999', '"endPort":79'],
];

function spoil(text: string): string {
  return rewritten.reduce((spoilt, [right, wrong]) => spoilt.replaceAll(right, wrong), text);
}

/** Only what is read, and chunks of a watch are whole lines. */
function spoiling(transport: Transport): Transport {
  return {
    async request(request) {
      const answer = await transport.request(request);
      return request.method === "GET" ? JSON.parse(spoil(JSON.stringify(answer))) : answer;
    },
    async *stream(request) {
      for await (const chunk of transport.stream(request)) yield Buffer.from(spoil(Buffer.from(chunk).toString()));
    },
  };
}

type Row = { readonly what: string; readonly rule: object; readonly status: string };

const place = "NetworkPolicy shop/wrong spec.ingress[0]";
const from = (app: string) => ({ podSelector: { matchLabels: { app } } });

const rows: readonly Row[] = [
  {
    what: "a block that cannot be read",
    rule: { from: [{ ipBlock: { cidr: "198.51.100.0/24" } }] },
    status: `${place}.from[0]: `,
  },
  {
    what: "a protocol that there is not",
    rule: { ports: [{ protocol: "SCTP", port }] },
    status: `${place}.ports[0]: `,
  },
  {
    what: "a range that ends before it begins",
    rule: { ports: [{ protocol: "TCP", port: 80, endPort: 9999 }] },
    status: `${place}.ports[0]: `,
  },
];

type Pod = { readonly netns: Netns; readonly addresses: readonly string[] };

const stack = new AsyncDisposableStack();
let it: Awaited<ReturnType<typeof startNode>>;
const running = new Map<string, Pod>();

async function addPod(name: string): Promise<void> {
  const spec = { nodeName: "n1", containers: [{ name: "a", image: "a" }] };
  await it.server.client.create(pods, { metadata: { namespace: "shop", name, labels: { app: name } }, spec });
  const args = { args: `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name}` };
  const { netns, result } = await it.node.addPod(name, args);
  await startEcho(it.box, netns, { port, name });
  running.set(name, { netns, addresses: [addressAt(result, 0), addressAt(result, 1)] });
}

async function apply(name: string, app: string, ...ingress: readonly object[]): Promise<void> {
  const metadata = { namespace: "shop", name };
  const spec = { podSelector: { matchLabels: { app } }, policyTypes: ["Ingress"], ingress: [...ingress] };
  await it.server.client.apply(networkPolicies, { metadata, spec });
}

/** Pods that reach another one by all of its addresses, among `web` and `cart`, of which `expected` is given time. */
function reaching(name: string, expected: string): readonly string[] {
  return ["web", "cart"].filter((caller) => {
    const asks = caller === expected ? ask : askBriefly;
    return running
      .get(name)
      ?.addresses.every((address) => asks(it.box, running.get(caller)?.netns ?? it.node.netns, address, port) !== "");
  });
}

beforeAll(async () => {
  const { path } = stack.use(new ControlGroup());
  const services = `{ enabled: true, cgroup: ${path} }`;
  it = stack.use(await startNode(both, { services, through: spoiling }));
  await it.server.addNamespace("shop");
  for (const name of ["db", "mail", "web", "cart"]) await addPod(name);
  await apply("right", "mail", { from: [from("web")] });
}, limitMs);

afterAll(async () => await stack.disposeAsync());

describe("what an API server should not have taken", () => {
  for (const { what, rule, status } of rows) {
    test(
      what,
      async () => {
        await apply("wrong", "db", rule, { from: [from("cart")] });
        const state = () =>
          it.node.agent.policies?.states().find(({ policy }) => policy === "NetworkPolicy shop/wrong");
        await until(() => state()?.inForce === 1 && state()?.sinceMs !== undefined, "it is in force");
        expect(state()?.faults).toEqual([expect.stringContaining(status)]);
        expect([reaching("db", "cart"), reaching("mail", "web")]).toEqual([["cart"], ["web"]]);
        await it.server.client.remove(networkPolicies, { namespace: "shop", name: "wrong" });
        await until(() => state() === undefined, "it is gone");
      },
      limitMs,
    );
  }
});
