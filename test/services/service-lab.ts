// A lab for services: what agents have in force is waited for, never guessed, and what is asked is asked from inside pods, nodes and the client.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FabricMode } from "#agent/fabric/want.ts";
import { askAgent } from "#api/client.ts";
import type { ServicesMessage, StatusMessage } from "#api/messages.ts";
import { readSource } from "#cli/policy/source.ts";
import type { KubeClient } from "#kube/client.ts";
import { endpointSlices, events, nodes, pods, type Resource, services } from "#kube/resource.ts";
import { clientAddress } from "#lab/fabric/addresses.ts";
import { nodeStation } from "#lab/fabric/station.ts";
import { type Places, placesOf } from "#lab/world/places.ts";
import { containerTarget, stationTarget, type Target } from "#lab/world/pod-target.ts";
import type { World } from "#model/policy/world.ts";
import { type TestLabs, within } from "#test/lab.ts";
import { type Answer, Asker } from "./asker.ts";
import { cast } from "./cast.ts";
import { problemOf, questionOf } from "./expectation.ts";
import type { Ask, Made, Step } from "./row.ts";

const namespace = "default";
const patienceMs = 30_000;
const fence = "fence";
/** At once. */
const maxRemovals = 16;
const nodeNames = ["node1", "node2", "node3"] as const;

export class ServiceLab implements Disposable {
  readonly labs: TestLabs;
  readonly name: string;
  readonly client: KubeClient;
  readonly #places: Places;
  readonly #stack = new DisposableStack();
  readonly #askers = new Map<string, Asker>();
  readonly #addresses = new Map<string, readonly string[]>();
  #made: readonly Made[] = [];
  #changedNodes = new Set<string>();
  #fences = 0;

  private constructor(labs: TestLabs, name: string) {
    this.labs = labs;
    this.name = name;
    this.client = labs.client(name);
    this.#places = placesOf(name, labs.folder);
  }

  static async start(labs: TestLabs, fabric: FabricMode): Promise<ServiceLab> {
    const name = labs.name();
    labs.ok("up", name, "--nodes", "3", "--family", "dual", "--fabric", fabric);
    const lab = new ServiceLab(labs, name);
    await Promise.all(cast.map((pod) => lab.#make(pod)));
    await lab.#learnNodes();
    for (const { metadata } of cast) await lab.#awaitReady(metadata.name ?? "");
    return lab;
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  /** What differs from what a row says, a sentence each; the row's objects are there afterwards. */
  async play({ make = [], change = {}, remove = [], end = [], wait = 0, ask = [], problems = {}, events = {} }: Step) {
    for (const object of make) await this.#make(object);
    for (const object of make) if (object.kind === "Pod") await this.#awaitReady(object.metadata.name ?? "");
    for (const [name, patch] of Object.entries(change)) await this.#change(name, patch);
    for (const name of remove) await this.#remove(name);
    for (const name of end) await this.client.remove(pods, { namespace, name });
    await this.settled();
    await Bun.sleep(wait * 1000);
    return [
      ...(await this.#differences(ask)),
      ...(await Promise.all(Object.entries(problems).map(([node, texts]) => this.#unsaid(node, texts)))).flat(),
      ...(await Promise.all(Object.entries(events).map(([name, text]) => this.#untold(name, text)))).flat(),
    ];
  }

  /** Everything as it was before a row. */
  async reset(): Promise<void> {
    const made = [...Map.groupBy(this.#made, ({ kind }) => kind)].sort(([one], [other]) => (one > other ? -1 : 1));
    this.#made = [];
    for (const [, objects] of made) {
      const left = objects.values();
      const worker = async () => {
        for (const object of left) await this.#remove(nameOf(object)).catch(() => {});
      };
      await Promise.all(Array.from({ length: maxRemovals }, worker));
    }
    if (made.length > 0) await this.settled();
    for (const node of this.#changedNodes) await this.client.patch(nodes, { name: node }, "merge", bareNode);
    this.#changedNodes = new Set();
  }

  /** Makes many objects with one call of the command, and removes them with the row. */
  async loadAll(objects: readonly Made[]): Promise<void> {
    const file = join(this.labs.folder, "many.json");
    writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
    this.#made = [...this.#made, ...objects];
    this.labs.ok("load", "--lab", this.name, file);
  }

  /**
   * Resolves when every agent has in force what was written before: a service whose port and endpoint change comes after all else,
   * in either of what agents watch.
   */
  async settled(): Promise<void> {
    const port = 1000 + this.#fences++;
    const metadata = { namespace, name: fence };
    await this.client.apply(services, { metadata, spec: { ports: [{ port }] } });
    await this.client.apply(endpointSlices, {
      metadata: { ...metadata, labels: { "kubernetes.io/service-name": fence } },
      ...{ addressType: "IPv4", ports: [{ port, protocol: "TCP" }], endpoints: [{ addresses: ["192.0.2.1"] }] },
    });
    for (const node of nodeNames) {
      const has = async () => {
        const [found] = (await this.servicesOn(node, `${namespace}/${fence}`)).services ?? [];
        const isThere = found?.frontends.every((each) => each.port === port && each.served && each.inside === 1);
        return isThere === true && found?.backends.every((each) => each.port === port) === true;
      };
      if (!(await within(patienceMs, has))) throw new Error(`${node} does not follow what was written`);
    }
  }

  /** Throws `AgentApiError` for a service that there is not. */
  async servicesOn(node: string, name: string): Promise<ServicesMessage> {
    const query = `?${new URLSearchParams({ name }).toString()}`;
    return await askAgent<ServicesMessage>(this.#socketOf(node), `GET /v1/services${query}`).catch(() => ({
      services: [],
    }));
  }

  /** What `twill explain` looks at. */
  async world(): Promise<World> {
    const io = { stdout: () => {}, stderr: () => {}, env: new Map<string, string>() };
    return (await readSource({ manifests: [], kubeconfig: this.#places.kubeconfig }, io)).world;
  }

  async problemsOn(node: string): Promise<readonly string[]> {
    const { problems } = await askAgent<StatusMessage>(this.#socketOf(node), "GET /v1/status");
    return problems;
  }

  /** The end of what an agent has logged. */
  inside(place: string, ...command: readonly string[]): string {
    const { exitCode, stdout, stderr } = this.labs.inside(this.name, place, ...command);
    if (exitCode !== 0) throw new Error(`${command.join(" ")} in ${place} ended with ${exitCode}: ${stderr}${stdout}`);
    return stdout;
  }

  /** What a question is answered from inside a pod, a node or the client. */
  async question(from: string, question: object): Promise<readonly Answer[]> {
    const known = this.#askers.get(from);
    if (known !== undefined) return await known.ask(question);
    const asker = this.#stack.use(new Asker(await this.targetOf(from)));
    this.#askers.set(from, asker);
    return await asker.ask(question);
  }

  /** Puts what is known now in the place of `{…}`. Throws where there is nothing yet. */
  async resolve(text: string): Promise<string> {
    const found = new Map<string, string>();
    for (const [, word = ""] of text.matchAll(/\{([a-z][^{}"]*)\}/g)) found.set(word, await this.#valueOf(word));
    return text.replace(/\{([a-z][^{}"]*)\}/g, (_, word: string) => found.get(word) ?? "");
  }

  /** The process whose namespaces somebody is in. */
  async targetOf(name: string): Promise<Target> {
    if (name !== "client" && !isNode(name))
      return containerTarget(this.#places, await this.client.get(pods, { namespace, name }));
    const target = stationTarget(this.#places, isNode(name) ? nodeStation(name) : name);
    if (target === undefined) throw new Error(`${name} does not run`);
    return target;
  }

  async #valueOf(word: string): Promise<string> {
    const [, name = "", what] = /^([a-z0-9-]+)(?:[:/](.+))?$/.exec(word) ?? [];
    const index = what === "6" ? 1 : 0;
    if (name === "client") return index === 0 ? clientAddress.ipv4 : clientAddress.ipv6;
    const own = this.#addresses.get(name)?.[index];
    if (own !== undefined) return own;
    const { spec, status } = await this.client.get(services, { namespace, name });
    const outer = status?.loadBalancer?.ingress ?? [];
    const value =
      what === "port"
        ? spec?.ports?.[0]?.nodePort
        : what === "health"
          ? spec?.healthCheckNodePort
          : what === "outer"
            ? outer.find(({ ip = "" }) => !ip.includes(":"))?.ip
            : what === "outer6"
              ? outer.find(({ ip = "" }) => ip.includes(":"))?.ip
              : spec?.clusterIPs?.[index];
    if (value === undefined) throw new Error(`There is no {${word}} yet`);
    return String(value);
  }

  async #make(object: Made): Promise<void> {
    const filled = JSON.parse(await this.resolve(JSON.stringify(object))) as Made;
    this.#made = [
      ...this.#made.filter((each) => nameOf(each) !== nameOf(object)),
      ...(cast.includes(object) ? [] : [object]),
    ];
    await this.client.create(resourceOf(filled.kind), filled);
  }

  async #change(what: string, patch: object): Promise<void> {
    const [kind = "", name = ""] = what.split(" ");
    const filled = JSON.parse(await this.resolve(JSON.stringify(patch))) as object;
    if (kind === "node") {
      this.#changedNodes.add(name);
      await this.client.patch(nodes, { name }, "merge", filled);
    } else await this.client.patch(resourceOf(kind), { namespace, name }, "merge", filled);
  }

  async #remove(what: string): Promise<void> {
    const [kind = "", name = ""] = what.split(" ");
    this.#askers.get(name)?.[Symbol.dispose]();
    this.#askers.delete(name);
    const options = kind === "pod" ? { gracePeriodSeconds: 0 } : {};
    await this.client.remove(resourceOf(kind), { namespace, name }, options);
    if (kind === "pod") this.#addresses.delete(name);
  }

  async #learnNodes(): Promise<void> {
    const { items } = await this.client.listAll(nodes);
    for (const { metadata, status } of items) {
      const internal = (status?.addresses ?? []).filter(({ type }) => type === "InternalIP");
      this.#addresses.set(
        metadata.name,
        internal.map(({ address }) => address),
      );
    }
  }

  async #awaitReady(name: string): Promise<void> {
    const isReady = async () => {
      const { spec, status } = await this.client.get(pods, { namespace, name });
      const runs = status?.containerStatuses?.every(({ state }) => state?.running !== undefined) === true;
      const ready = status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
      const waits = spec?.containers.some(({ readinessProbe }) => readinessProbe !== undefined) === true;
      const addresses = (status?.podIPs ?? []).map(({ ip = "" }) => ip);
      this.#addresses.set(name, addresses);
      return runs && addresses.length > 0 && (ready || waits);
    };
    if (!(await within(patienceMs * 2, isReady))) throw new Error(`Pod ${name} does not become ready`);
  }

  #socketOf(node: string): string {
    const pid = stationTarget(this.#places, nodeStation(node))?.pid;
    if (pid === undefined) throw new Error(`${node} does not run`);
    // A lab's folder may be longer than what a socket's path holds.
    return `/proc/${pid}/root/run/twill/agent.sock`;
  }

  /** Controllers write endpoints when they see what they are about: what is not so yet is asked again for a while. */
  async #differences(asks: readonly Ask[]): Promise<readonly string[]> {
    let left = asks.flatMap(([from, ...rest]) => from.split(" ").map((each): Ask => [each, ...rest]));
    let texts: readonly string[] = [];
    await within(patienceMs, async () => {
      const found = (
        await Promise.all(
          [...Map.groupBy(left, ([from]) => from).values()].map(async (own) => {
            const each: { readonly ask: Ask; readonly text: string | undefined }[] = [];
            for (const ask of own) each.push({ ask, text: await this.#differenceOf(ask) });
            return each;
          }),
        )
      ).flat();
      const wrong = found.filter(({ text }) => text !== undefined);
      left = wrong.map(({ ask }) => ask);
      texts = wrong.map(({ text = "" }) => text);
      return wrong.length === 0;
    });
    return texts;
  }

  async #differenceOf([from, to, answer, details = {}]: Ask): Promise<string | undefined> {
    const title = `${from} asks ${to}`;
    try {
      const clients = details.client === undefined ? undefined : await this.#clientsOf(from, details.client);
      const expected = { to: await this.resolve(to), answer: await this.resolve(answer), details, clients };
      const problem = problemOf(expected, await this.question(from, questionOf(expected)));
      return problem === undefined ? undefined : `${title}: ${problem}`;
    } catch (error) {
      return `${title}: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  async #clientsOf(from: string, client: string): Promise<readonly string[]> {
    return client === "own" ? (this.#addresses.get(from) ?? []) : [await this.resolve(client)];
  }

  /** What an agent should say and does not. */
  async #unsaid(node: string, texts: readonly string[]): Promise<readonly string[]> {
    let said: readonly string[] = [];
    const isSaid = async () => {
      said = await this.problemsOn(node);
      const wanted = await Promise.all(texts.map((text) => this.resolve(text)));
      return wanted.every((text) => said.some((each) => each.includes(text)));
    };
    return (await within(patienceMs, isSaid))
      ? []
      : [`${node} should say ${texts.join("; ")} and says ${said.join("; ") || "nothing"}`];
  }

  async #untold(what: string, text: string): Promise<readonly string[]> {
    const [, name = ""] = what.split(" ");
    let told: readonly string[] = [];
    const isTold = async () => {
      const { items } = await this.client.listAll(events, {});
      told = items
        .filter(({ involvedObject }) => involvedObject.name === name)
        .map(({ reason, message }) => `${reason}: ${message}`);
      return told.some((each) => each.includes(text));
    };
    return (await within(patienceMs, isTold))
      ? []
      : [`events of ${what} should say ${text} and say ${told.join("; ") || "nothing"}`];
  }
}

const bareNode = {
  metadata: {
    labels: { "topology.kubernetes.io/zone": null, "node.kubernetes.io/exclude-from-external-load-balancers": null },
  },
};

function isNode(name: string): boolean {
  return name.startsWith("node");
}

/** `service web`, `slice web-1` */
function nameOf({ kind, metadata }: Made): string {
  return `${words[kind] ?? kind} ${metadata.name}`;
}

const words: Readonly<Record<string, string>> = { Service: "service", EndpointSlice: "slice", Pod: "pod" };

/** By the kind's name, or the word that rows have for it. */
function resourceOf(kind: string): Resource {
  const {
    group,
    version,
    plural,
    namespaced,
    kind: name,
  } = [services, endpointSlices, pods].find((each) => each.kind === kind || words[each.kind] === kind) ?? pods;
  return { group, version, plural, namespaced, kind: name };
}
