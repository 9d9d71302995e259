// The Kubernetes network model, line by line, in both families: two nodes, on each two pods and one that shares the node's network.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { internetAddress } from "#lab/fabric/addresses.ts";
import { AgentLab, answerPorts, familyOf, type Member, type SetName } from "#test/agent-lab.ts";
import { TestLabs } from "#test/lab.ts";

const limitMs = 180_000;
const families = ["ipv4", "ipv6"] as const;

let labs: TestLabs;
let lab: AgentLab;
/** Of the sets `who` and `peer`. */
let pods: readonly Member[];
/** Pods that share their node's network. */
let hosts: readonly Member[];
let nodes: readonly Member[];

beforeAll(async () => {
  labs = await TestLabs.open();
  lab = await AgentLab.start(labs, "--nodes", "2", "--family", "dual");
  pods = [...(await lab.members("who")), ...(await lab.members("peer"))];
  hosts = await lab.members("host");
  nodes = labs
    .status(lab.name)
    .parts.filter(({ role }) => role === "node")
    .map(({ name, addresses }) => ({ name, node: name, addresses }));
}, limitMs);

afterAll(async () => {
  await labs[Symbol.asyncDispose]();
});

function addressOf({ name, addresses }: Member, family: string): string {
  const address = addresses.find((each) => familyOf(each) === family);
  if (address === undefined) throw new Error(`${name} has no address of family ${family}`);
  return address;
}

/** Calls from each to each, but itself, in each family: those whose callee does not see the caller's own address. */
function translated(from: readonly Member[], to: readonly Member[], set: SetName): readonly string[] {
  const calls = from.flatMap((caller) =>
    to
      .filter(({ name }) => name !== caller.name)
      .flatMap((callee) => families.map((family) => ({ caller, callee, family }))),
  );
  expect(calls.length).toBeGreaterThanOrEqual(8);
  return calls.flatMap(({ caller, callee, family }) => {
    const [own, target] = [addressOf(caller, family), addressOf(callee, family)];
    const { pod, client } = lab.answerTo(caller.name, target, answerPorts[set]);
    return client === own ? [] : [`${caller.name} (${own}) calls ${pod} (${target}), which sees ${client}`];
  });
}

describe("the Kubernetes network model", () => {
  test("every pod has its own address, the same inside and outside", () => {
    const all = pods.flatMap(({ addresses }) => addresses);
    expect(new Set(all).size).toBe(pods.length * families.length);
    for (const { name, addresses } of pods) {
      const { stdout } = labs.inside(lab.name, name, "ip", "-j", "address", "show", "dev", "eth0", "scope", "global");
      const [{ addr_info: inside }]: [{ readonly addr_info: readonly { readonly local: string }[] }] =
        JSON.parse(stdout);
      expect([name, inside.map(({ local }) => local)]).toEqual([name, [...addresses]]);
    }
  });

  test("all pods reach all pods without NAT, on the same node or not", () => {
    expect(translated(pods, pods, "who")).toEqual([]);
  });

  test("nodes reach all pods without NAT", () => {
    expect(translated(nodes, pods, "who")).toEqual([]);
  });

  test("pods reach all nodes without NAT", () => {
    // Who answers there shares the node's network.
    expect(translated(pods, nodes, "host")).toEqual([]);
  });

  test("pods that share their node's network take part, under the node's addresses", () => {
    expect(hosts.map(({ addresses }) => addresses)).toEqual(nodes.map(({ addresses }) => addresses));
    expect(translated(hosts, pods, "who")).toEqual([]);
    expect(translated(pods, hosts, "host")).toEqual([]);
  });

  test("what leaves the cluster is masqueraded to the node, in each family", () => {
    for (const { name, node } of [...pods, ...nodes]) {
      const expected = nodes.filter((each) => each.name === node).flatMap(({ addresses }) => addresses);
      const seen = families.map((family) => lab.seenByInternet(name, internetAddress[family]));
      expect([name, seen]).toEqual([name, expected]);
    }
  });

  test("pods, nodes and pods that share a node's network reach services", async () => {
    const members = (await lab.members("who")).map(({ name }) => name);
    const addresses = await lab.serviceAddresses();
    expect(addresses.map(familyOf)).toEqual([...families]);
    for (const address of addresses) {
      for (const { name } of [...pods, ...nodes, ...hosts]) {
        expect([name, members]).toEqual([name, expect.arrayContaining([lab.answerTo(name, address, 80).pod])]);
      }
    }
  });
});
