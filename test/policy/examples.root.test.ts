// The policies of examples/policies do in a lab what lies beside them as expectations, among the workloads that they are about.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Answer, askWorld } from "#cli/policy/question.ts";
import { nodes, services } from "#kube/resource.ts";
import { internetAddress } from "#lab/fabric/addresses.ts";
import { readManifests } from "#lab/manifests/read.ts";
import { formatParty, type Party } from "#model/policy/party.ts";
import { TestLabs } from "#test/lab.ts";
import { type Expectation, PolicyLab } from "./policy-lab.ts";

const examples = resolve(import.meta.dir, "../../examples");
const folder = join(examples, "policies");
const suffix = ".expectations.yaml";
const limitMs = 180_000;

/** Workloads that somebody outside is to reach, and may not: their ports on their own nodes, which keep who asks. */
const fromOutside: Readonly<Record<string, number>> = {
  ...{ "production/frontend": 8080, "production/backend": 8080, "production/database": 3306 },
  ...{ "team-a/api": 8080, "shop/frontend": 8080, "shop/backend": 8080 },
};
/** Where the lab's internet answers. */
const answersOutside: readonly string[] = ["tcp/80", "udp/7", "tcp/53", "udp/53"];

type Written = { readonly from: string; readonly to: string; readonly allowed: boolean };

let labs: TestLabs;
let lab: PolicyLab;
/** Of the services above. */
let nodePorts: ReadonlyMap<string, number>;
let nodeAddresses: ReadonlyMap<string, readonly string[]>;

beforeAll(async () => {
  labs = await TestLabs.open();
  lab = await PolicyLab.start(labs, 2);
  labs.ok("load", "--lab", lab.name, "--wait", join(folder, "workloads"), join(examples, "shop"));
  lab.load(
    Object.entries(fromOutside).map(([name, port]) => {
      const [namespace, app] = name.split("/");
      const selector = namespace === "shop" ? { "app.kubernetes.io/name": app } : { app };
      const spec = { type: "NodePort", externalTrafficPolicy: "Local", selector, ports: [{ port }] };
      return { apiVersion: "v1", kind: "Service", metadata: { namespace, name: `outside-${app}` }, spec };
    }),
  );
  await lab.findPods();
  const { items } = await lab.client.listAll(services);
  nodePorts = new Map(
    items.map(({ metadata, spec }) => [
      `${metadata.namespace}/${metadata.name.replace("outside-", "")}`,
      spec?.ports?.[0]?.nodePort ?? 0,
    ]),
  );
  const all = await lab.client.listAll(nodes);
  nodeAddresses = new Map(
    all.items.map(({ metadata, status }) => [
      metadata.name,
      (status?.addresses ?? []).filter(({ type }) => type === "InternalIP").map(({ address }) => address),
    ]),
  );
}, limitMs);

afterAll(async () => {
  await labs[Symbol.asyncDispose]();
});

/** The connections of one line, of every pod and every address that it means. */
function connectionsOf({ from, to, allowed }: Written, answers: readonly Answer[]): readonly Expectation[] {
  return answers.flatMap(({ from: source, route, destination }) => {
    if (destination === undefined) throw new Error(`${to} is nobody`);
    const { party, traffic } = destination;
    const protocol = traffic.protocol === "udp" ? "udp" : "tcp";
    const port = traffic.port ?? 0;
    const shared = { protocol, port, allowed, title: `${to} of ${from}` } as const;
    if (source.party.party === "address") return throughNode(party, shared);
    const name = formatParty(source.party);
    // A workload's own pods are others of it; a pod reaches itself.
    if (name === formatParty(party)) return [];
    if (route?.service !== undefined)
      return route.service.addresses.map((host) => ({ ...shared, from: name, host, port: route.port }));
    return addressesOf(party, to).map((host) => ({
      ...{ ...shared, from: name, host },
      isClosed: !isServed(party, `${protocol}/${port}`),
    }));
  });
}

function addressesOf(party: Party, to: string): readonly string[] {
  return to.startsWith("world") ? Object.values(internetAddress) : party.addresses;
}

function isServed(party: Party, place: string): boolean {
  if (party.party !== "pod") return answersOutside.includes(place);
  return party.ports.some(({ protocol, port }) => `${protocol}/${port}` === place);
}

/** Who is outside knows no way to pods but through ports of their nodes. */
function throughNode(party: Party, shared: Omit<Expectation, "from" | "host">): readonly Expectation[] {
  if (party.party !== "pod" || party.node === undefined) throw new Error("from outside only pods are called");
  const name = `${party.namespace}/${party.name.replace(/-[0-9a-z]+-[0-9a-z]+$|-\d+$/, "")}`;
  const port = nodePorts.get(name);
  if (port === undefined || fromOutside[name] !== shared.port) throw new Error(`${name} has no port of its node`);
  const at = nodeAddresses.get(party.node) ?? [];
  // The service is of one family.
  return at.filter((host) => !host.includes(":")).map((host) => ({ ...shared, from: "client", host, port }));
}

describe("in a lab with packets", () => {
  for (const file of readdirSync(folder).filter((each) => each.endsWith(suffix))) {
    const name = file.slice(0, -suffix.length);
    test(
      `the example ${name} does what it says`,
      async () => {
        await lab.remove();
        for (const { object } of readManifests([join(folder, `${name}.yaml`)])) await lab.apply(object);
        await lab.settled();
        const world = await lab.world();
        const written = Bun.YAML.parse(readFileSync(join(folder, file), "utf8")) as readonly Written[];
        const asked = written.flatMap((each) => connectionsOf(each, askWorld(world, each.from, each.to, undefined)));
        expect(asked.length).toBeGreaterThan(written.length / 2);
        expect(await lab.differences(asked)).toEqual([]);
      },
      limitMs,
    );
  }
});
