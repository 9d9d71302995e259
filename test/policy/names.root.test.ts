// Names under policies: pods that may send nothing find none, as lint says beforehand, until they may ask the pods of cluster DNS.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { dnsAddress } from "#lab/fabric/addresses.ts";
import { placesOf } from "#lab/world/places.ts";
import { TestLabs, twill, within } from "#test/lab.ts";
import { PolicyLab } from "./policy-lab.ts";

const limitMs = 180_000;
/** Whoever gets no answer is not waited for longer. */
const unansweredMs = 500;
const patienceMs = 60_000;
const namespace = "names";
const caller = `${namespace}/caller`;

let labs: TestLabs;
let lab: PolicyLab;

const server = { name: "server", image: "server", ports: [{ containerPort: 80 }] };

beforeAll(async () => {
  labs = await TestLabs.open();
  lab = await PolicyLab.start(labs, 2);
  lab.load([
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    { apiVersion: "v1", kind: "Pod", metadata: { namespace, name: "caller" }, spec: { containers: [server] } },
  ]);
  await lab.findPods();
}, limitMs);

afterAll(async () => {
  await labs[Symbol.asyncDispose]();
});

afterEach(() => lab.remove());

function policy(where: string, name: string, spec: object) {
  return {
    ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { namespace: where, name } },
    spec: { podSelector: {}, ...spec },
  };
}

const dnsPods = { podSelector: { matchLabels: { "k8s-app": "kube-dns" } } };
const dnsPorts = [
  { protocol: "UDP", port: 53 },
  { protocol: "TCP", port: 53 },
];
const closed = policy(namespace, "closed", { policyTypes: ["Egress"] });

function asking(peer: object) {
  return policy(namespace, "asking", { policyTypes: ["Egress"], egress: [{ to: [peer], ports: dnsPorts }] });
}

/** How a connection by name ends, after such an end has been waited for. */
async function endOf(host: string, port: number, awaited: string): Promise<string> {
  let result = "";
  await within(patienceMs, async () => {
    const [found = "none"] = await lab.probe([{ from: caller, host, port, protocol: "tcp" }], unansweredMs);
    result = found;
    return result === awaited;
  });
  return result;
}

const ends = async (awaited: string) => [
  await endOf("kubernetes.default", 443, awaited),
  await endOf("www.example.com", 80, awaited),
];

function ask(...words: readonly string[]): string {
  const { kubeconfig } = placesOf(lab.name, labs.folder);
  return Bun.spawnSync([twill, ...words, "--kubeconfig", kubeconfig]).stdout.toString();
}

describe("names", () => {
  test(
    "are answered at each address of the service, by UDP and TCP",
    async () => {
      const asked = [caller, ...lab.nodes].flatMap((from) =>
        Object.values(dnsAddress).flatMap((host) =>
          (["udp", "tcp"] as const).map((protocol) => ({ from, host, port: 53, protocol, allowed: true })),
        ),
      );
      // A node may hear of the service's pods a moment after they are ready.
      await within(patienceMs, async () => (await lab.differences(asked)).length === 0);
      expect(await lab.differences(asked)).toEqual([]);
    },
    limitMs,
  );

  test(
    "are not found by pods that may send nothing, and are by those that may ask the pods of cluster DNS",
    async () => {
      expect(await ends("open")).toEqual(["open", "open"]);
      await lab.apply(closed);
      await lab.settled();
      expect(await ends("unresolved")).toEqual(["unresolved", "unresolved"]);
      expect(ask("policy", "lint")).toContain(
        "NetworkPolicy names/closed spec.egress: nothing allows egress to port 53: names cannot be looked up (dns-forgotten)\n",
      );
      const question = ["explain", caller, "kube-system/kube-dns:53/udp"];
      expect(ask(...question)).toMatch(/names\/caller → kube-system\/coredns-\S+ UDP\/53: denied/i);
      // A selector of pods alone means the policy's own namespace.
      await lab.apply(asking(dnsPods));
      await lab.settled();
      expect(await ends("unresolved")).toEqual(["unresolved", "unresolved"]);
      const theirs = { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } } };
      await lab.apply(asking({ ...theirs, ...dnsPods }));
      await lab.settled();
      // Found, and no way there.
      expect(await ends("silent")).toEqual(["silent", "silent"]);
      expect(ask("policy", "lint")).not.toContain("dns-forgotten");
      expect(ask(...question)).toMatch(/names\/caller → kube-system\/coredns-\S+ UDP\/53: allowed/i);
    },
    limitMs,
  );

  test(
    "are kept from pods that the policies of cluster DNS do not let in",
    async () => {
      const dns = { podSelector: dnsPods.podSelector, policyTypes: ["Ingress"] };
      const from = [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "default" } } }];
      await lab.apply(policy("kube-system", "dns", { ...dns, ingress: [{ from, ports: dnsPorts }] }));
      await lab.settled();
      expect(await ends("unresolved")).toEqual(["unresolved", "unresolved"]);
      from.push({ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } } });
      await lab.apply(policy("kube-system", "dns", { ...dns, ingress: [{ from, ports: dnsPorts }] }));
      await lab.settled();
      expect(await ends("open")).toEqual(["open", "open"]);
    },
    limitMs,
  );
});
