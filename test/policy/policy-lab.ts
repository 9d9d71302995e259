// A lab for policies: what agents have in force is waited for, never guessed, and connections are tried as expected or found different.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { askAgent } from "#api/client.ts";
import type { PoliciesMessage } from "#api/messages.ts";
import { readSource } from "#cli/policy/source.ts";
import type { KubeClient } from "#kube/client.ts";
import type { Pod } from "#kube/kinds.ts";
import type { Metadata } from "#kube/object.ts";
import { clusterNetworkPolicies, namespaces, networkPolicies, nodes, pods } from "#kube/resource.ts";
import { nodeStation } from "#lab/fabric/station.ts";
import type { Attempt, Result } from "#lab/probe/attempt.ts";
import { clientSource, nodeSource, type ProbeProtocol, type Source } from "#lab/probe/cast.ts";
import { type Round, runProbe } from "#lab/probe/run.ts";
import { type Places, placesOf } from "#lab/world/places.ts";
import { findContainer, stationTarget, type Target } from "#lab/world/pod-target.ts";
import type { World } from "#model/policy/world.ts";
import { podTool, type TestLabs, within } from "#test/lab.ts";
import { type Load, startLoad } from "#test/start-load.ts";

type Labels = Readonly<Record<string, string>>;

/** A policy of either kind. */
type ApiObject = { readonly metadata: Metadata };

/** Somebody who calls: `x/a`, `node1`, `client`; and whom, by an address or a name. */
export type Connection = {
  readonly from: string;
  readonly host: string;
  readonly port: number;
  readonly protocol: ProbeProtocol;
};

export type Expectation = Connection & {
  readonly allowed: boolean;
  /** Says more than an address does. */
  readonly title?: string;
  /** Nobody listens there: what is allowed is refused by the one who is called. */
  readonly isClosed?: boolean;
};

/** What policies refuse is silent: as long nobody must answer. */
const deniedMs = 240;
/** What is allowed may take longer on a busy machine. */
const allowedMs = 5_000;
const patienceMs = 30_000;
const fence = "fence";

export class PolicyLab {
  readonly name: string;
  readonly client: KubeClient;
  readonly labs: TestLabs;
  readonly #places: Places;
  readonly #targets = new Map<string, Target>();
  readonly #policies = new Set<string>();
  #nodes: readonly string[] = [];
  #fences = 0;

  private constructor(labs: TestLabs, name: string) {
    this.labs = labs;
    this.name = name;
    this.client = labs.client(name);
    this.#places = placesOf(name, labs.folder);
  }

  /** Pods that policies of the tests are not about tell how far agents are, one on each node. */
  static async start(labs: TestLabs, nodeCount: number, ...flags: readonly string[]): Promise<PolicyLab> {
    const name = labs.name();
    labs.ok("up", name, "--nodes", String(nodeCount), "--family", "dual", ...flags);
    const lab = new PolicyLab(labs, name);
    const { items } = await lab.client.listAll(nodes);
    lab.#nodes = items.map(({ metadata }) => metadata.name ?? "").sort();
    lab.load([
      { apiVersion: "v1", kind: "Namespace", metadata: { name: fence } },
      ...lab.#nodes.map((node) => ({
        ...{ apiVersion: "v1", kind: "Pod", metadata: { namespace: fence, name: node } },
        spec: { nodeName: node, containers: [{ name: fence, image: fence }] },
      })),
    ]);
    return lab;
  }

  get nodes(): readonly string[] {
    return this.#nodes;
  }

  /** Makes objects, and waits until pods are ready. */
  load(items: readonly object[]): void {
    const file = join(this.labs.folder, "objects.json");
    writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    this.labs.ok("load", "--lab", this.name, "--wait", file);
  }

  /** `x/a` and its like, as the API has them. */
  async pods(): Promise<ReadonlyMap<string, Pod>> {
    const { items } = await this.client.listAll(pods);
    return new Map(items.map((pod) => [`${pod.metadata.namespace}/${pod.metadata.name}`, pod]));
  }

  /**
   * Resolves when every agent has in force what was written before. Each kind that policies are made of is watched by itself, so each
   * has a change of its own to wait for: a pod's label, a namespace's label, and a policy of either kind.
   */
  async settled(): Promise<void> {
    const { client } = this;
    const before = `${fence}-${this.#fences++}`;
    const name = `${fence}-${this.#fences}`;
    const labels = { [fence]: name };
    await Promise.all([
      client.patch(namespaces, { name: fence }, "merge", { metadata: { labels } }),
      ...this.#nodes.map((node) =>
        client.patch(pods, { namespace: fence, name: node }, "merge", { metadata: { labels } }),
      ),
      client.create(networkPolicies, {
        metadata: { namespace: fence, name },
        spec: { podSelector: { matchLabels: labels } },
      }),
      client.create(clusterNetworkPolicies, {
        metadata: { name },
        spec: { tier: "Baseline", priority: 1000, subject: { namespaces: { matchLabels: labels } } },
      }),
      ...(this.#fences === 1
        ? []
        : [
            client.remove(networkPolicies, { namespace: fence, name: before }),
            client.remove(clusterNetworkPolicies, { name: before }),
          ]),
    ]);
    const wanted = [`ClusterNetworkPolicy ${name}`, `NetworkPolicy ${fence}/${name}`];
    const isInForce = async (node: string) => {
      const { policies } = await this.policiesOn(node);
      return wanted.every((policy) =>
        policies?.some((each) => each.policy === policy && each.inForce === 1 && each.since !== null),
      );
    };
    for (const node of this.#nodes) {
      if (await within(patienceMs, () => isInForce(node))) continue;
      throw new Error(`${node} has not in force what was written: ${JSON.stringify(await this.policiesOn(node))}`);
    }
  }

  /** Makes a policy, or replaces the one of its name. @throws KubeError */
  async apply(object: ApiObject): Promise<void> {
    const { namespace, name = "" } = object.metadata;
    const { shape: _, ...resource } = namespace === undefined ? clusterNetworkPolicies : networkPolicies;
    await this.client.apply<ApiObject>(resource, object);
    this.#policies.add(namespace === undefined ? name : `${namespace}/${name}`);
  }

  /** `x/name`, or `name` for one of the cluster; without a name all that were applied. */
  async remove(...names: readonly string[]): Promise<void> {
    for (const each of names.length === 0 ? [...this.#policies] : names) {
      const [namespace = "", name] = each.split("/");
      if (name === undefined) await this.client.remove(clusterNetworkPolicies, { name: namespace });
      else await this.client.remove(networkPolicies, { namespace, name });
      this.#policies.delete(each);
    }
  }

  /** In the place of all that it has. */
  async labelPod(pod: string, value: Labels): Promise<void> {
    const [namespace = "", name = ""] = pod.split("/");
    await this.client.patch(pods, { namespace, name }, "json", [{ op: "replace", path: "/metadata/labels", value }]);
  }

  /** In the place of all that it has beside its name. */
  async labelNamespace(name: string, labels: Labels): Promise<void> {
    const value = { ...labels, "kubernetes.io/metadata.name": name };
    await this.client.patch(namespaces, { name }, "json", [{ op: "replace", path: "/metadata/labels", value }]);
  }

  policiesOn(node: string): Promise<PoliciesMessage> {
    const { pid } = this.#targetOf(node);
    // A lab's folder may be longer than what a socket's path holds.
    return askAgent<PoliciesMessage>(`/proc/${pid}/root/run/twill/agent.sock`, "GET /v1/policies");
  }

  /**
   * Connections that end otherwise than expected, a sentence each: allowed ones are open, others are silent. A service refuses until its
   * node has heard of its pods, and no policy does: what is refused is asked again.
   */
  async differences(expectations: readonly Expectation[]): Promise<readonly string[]> {
    const results = [...(await this.probe(expectations, deniedMs))];
    const askAgain = async (indexes: readonly number[], timeoutMs: number) => {
      const asked = expectations.filter((_, index) => indexes.includes(index));
      const found = await this.probe(asked, timeoutMs);
      for (const [at, index] of indexes.entries()) results[index] = found[at];
    };
    const wrong = (isWrong: (each: Expectation, result: Result | undefined) => boolean) =>
      expectations.flatMap((each, index) =>
        results[index] !== resultOf(each) && isWrong(each, results[index]) ? [index] : [],
      );
    await within(patienceMs, async () => {
      const refused = wrong((_, result) => result === "refused");
      if (refused.length > 0) await askAgain(refused, deniedMs);
      return refused.length === 0;
    });
    const late = wrong(({ allowed }) => allowed);
    if (late.length > 0) await askAgain(late, allowedMs);
    return expectations.flatMap((each, index) => {
      const result = results[index];
      const wanted = resultOf(each);
      if (result === wanted) return [];
      const { from, host, port, protocol, title = host } = each;
      return [`${from} → ${title} ${protocol}/${port} should be ${wanted} and is ${result}`];
    });
  }

  /** How each connection ends. */
  async probe(connections: readonly Connection[], timeoutMs: number): Promise<readonly (Result | undefined)[]> {
    const attempts = connections.map(attemptOf);
    const results = new Map<Attempt, Result>();
    const rounds = [...Map.groupBy(attempts, ({ from }) => from.name)].map(
      ([name, own]): Round => ({ ...this.#targetOf(name), attempts: own }),
    );
    const options = { tool: podTool, timeoutMs, progress: () => {}, podsOf: new Map(), maxNeighbours: 0 };
    const places = new Map(attempts.map((attempt) => [attempt.to, attempt]));
    for (const { to, result } of await runProbe(rounds, options)) {
      const attempt = places.get(to);
      if (attempt !== undefined) results.set(attempt, result);
    }
    return attempts.map((attempt) => results.get(attempt));
  }

  /** Connections from a pod to places that say lines back, until it is ended. */
  startLoad(from: string, places: readonly string[]): Promise<Load> {
    return startLoad(this.#targetOf(from), places);
  }

  /** What `twill explain` and `twill policy` look at. */
  async world(): Promise<World> {
    const { kubeconfig } = this.#places;
    const io = { stdout: () => {}, stderr: () => {}, env: new Map<string, string>() };
    return (await readSource({ manifests: [], kubeconfig }, io)).world;
  }

  /** Finds the processes of pods that are called by name from now on. */
  async findPods(): Promise<void> {
    for (const [name, pod] of await this.pods()) {
      const target = findContainer(this.#places, pod);
      if (target !== undefined) this.#targets.set(name, target);
    }
  }

  #targetOf(name: string): Target {
    const target = this.#targets.get(name) ?? stationTarget(this.#places, stationOf(name));
    if (target === undefined) throw new Error(`${name} does not run in lab ${this.name}`);
    this.#targets.set(name, target);
    return target;
  }
}

function resultOf({ allowed, isClosed = false }: Expectation): Result {
  return allowed ? (isClosed ? "refused" : "open") : "silent";
}

function stationOf(name: string): string {
  return name === clientSource.name ? name : nodeStation(name);
}

function attemptOf({ from, host, port, protocol }: Connection): Attempt {
  const kind: Source["kind"] = from.includes("/") ? "pod" : from === clientSource.name ? "client" : "node";
  const source = { ...nodeSource(from), kind };
  const to = { ...nodeSource(host), kind: "pod" as const, protocol, port, hosts: { [kind]: { host } } };
  return { from: source, to, host, port };
}
