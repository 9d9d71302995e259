// Keeps the packet path's maps of policies as the cluster's policies want them.
//
//   watches ─► Resolver ─changes─► plan (against Held) ─► lists, sets ─► identities ─► endpoints ─► retire: what is old goes
//   ADD, DEL ─► local pods ──┘
//
// Nothing is written before everything has been seen once: until then the maps are as an earlier agent left them.

import { addressesOf, type Endpoint, endpointKey } from "#agent/state/endpoint.ts";
import type { Datapath, EndpointPolicy } from "#datapath/datapath.ts";
import { policySet } from "#datapath/policy-format.ts";
import { hasUid, type PodModel } from "#model/pod.ts";
import type { Labels } from "#model/policy/party.ts";
import { type Changes, isNone } from "#model/policy/resolve/changes.ts";
import { hasNamespace } from "#model/policy/resolve/choice-index.ts";
import type { PodEntry } from "#model/policy/resolve/population.ts";
import { type NodeEntry, Resolver } from "#model/policy/resolve/resolver.ts";
import type { Policy } from "#model/policy/rule.ts";
import { applyPolicy, Incomplete } from "./apply.ts";
import { Held, type PolicyMaps } from "./held.ts";
import { Naming, type Remembered } from "./naming.ts";
import { formatPolicyOperation, type PolicyOperation } from "./operation.ts";
import { mayTighten, type Planning, planAbandoned, planChanges, planIdleLists, planLeftovers } from "./plan.ts";

export type PoliciesOptions = {
  readonly datapath: Pick<Datapath, "settings" | "set" | "policyOf"> & { readonly policy: PolicyMaps };
  /** Tells the packet path of an endpoint once more, with what `policyOf` says. @throws KernelError */
  readonly carry: (endpoint: Endpoint) => void;
  /** Whether connections end that policies forbid since. */
  readonly cutEstablished: boolean;
  /** Numbers that must be known after a restart. */
  readonly remembered: Remembered;
  readonly remember: (remembered: Remembered) => void;
  readonly log: (line: string) => void;
  /** Told after every change that is in force as far as it can be. */
  readonly settled?: () => void;
};

/** Operations that are told one by one; more are told by their number. */
const maxShown = 20;
/** Numbers given beyond those in use, before those of things that are gone are given back. */
const spareNumbers = 10_000;

type Local = { readonly endpoints: Map<string, Endpoint> };

export class Policies {
  readonly resolver = new Resolver();
  readonly naming: Naming;
  readonly #options: PoliciesOptions;
  readonly #held: Held;
  readonly #models = new Map<string, PodModel>();
  readonly #locals = new Map<string, Local>();
  readonly #given = new Map<string, EndpointPolicy>();
  readonly #policies = new Map<string, { readonly policies: readonly Policy[]; readonly keeps: boolean }>();
  readonly #namespaces = new Map<string, Labels>();
  #incomplete = new Incomplete();
  #isKnown = false;
  #isScheduled = false;
  #rememberedText = "";
  #toldProblems = "";
  #numbersKept = 0;

  /** Reads the maps. @throws KernelError */
  constructor(options: PoliciesOptions) {
    this.#options = options;
    this.naming = new Naming(options.remembered);
    this.#rememberedText = JSON.stringify(this.naming.remembered);
    this.#held = Held.read(options.datapath.policy);
  }

  /** What cannot be enforced, a sentence each. */
  get problems(): readonly string[] {
    return [...this.#incomplete.failures.values()].map(
      ({ what, example, count }) =>
        `policies are not complete (${what}, ${count} times, first: ${example}): pods keep what they last had, new ones stay closed`,
    );
  }

  get isKnown(): boolean {
    return this.#isKnown;
  }

  get held(): Held {
    return this.#held;
  }

  /** `keeps`: its pods keep connections that it forbids. None: the object is gone. */
  setPolicies(id: string, policies: readonly Policy[], keeps = false): void {
    if (policies.length === 0) this.#policies.delete(id);
    else this.#policies.set(id, { policies, keeps });
    this.resolver.setPolicies(id, policies);
    this.#schedule();
  }

  setNamespace(name: string, labels: Labels | undefined): void {
    if (labels === undefined) this.#namespaces.delete(name);
    else this.#namespaces.set(name, labels);
    this.resolver.setNamespace(name, labels);
    this.#schedule();
  }

  setNode(name: string, node: NodeEntry | undefined): void {
    this.resolver.setNode(name, node);
    this.#schedule();
  }

  setPod(key: string, model: PodModel | undefined): void {
    if (model === undefined) this.#models.delete(key);
    else this.#models.set(key, model);
    this.#tellPod(key);
    this.#schedule();
  }

  /** Everything has been seen once: from now on the maps are this agent's. */
  begin(): void {
    if (this.#isKnown) return;
    this.#isKnown = true;
    this.#settleAll();
  }

  /** Everything, whether it has changed or not, and nothing else. */
  #settleAll(): void {
    this.#settle(() => this.resolver.allChanges());
    if (!this.#incomplete.isEmpty) return;
    const [planning, given] = [this.#planning(), this.#givenSets()];
    const leftovers = [...planLeftovers(planning, given), ...planAbandoned(planning, given)];
    this.#apply(leftovers);
    if (leftovers.length > 0) this.#judgeAgain();
    this.#sweep();
  }

  /** One that has come up, or was there before this agent. */
  addEndpoint(endpoint: Endpoint): void {
    const { pod } = endpoint;
    const before = addressesOf(endpoint).map((address) => this.#options.datapath.policyOf(address))[0];
    const first = pod === undefined ? open : closed;
    this.#given.set(endpointKey(endpoint), this.#given.get(endpointKey(endpoint)) ?? before ?? first);
    if (pod === undefined) return;
    const key = keyOf(pod);
    this.#locals
      .getOrInsertComputed(key, () => ({ endpoints: new Map() }))
      .endpoints.set(endpointKey(endpoint), endpoint);
    this.#tellPod(key);
    this.#schedule();
  }

  removeEndpoint(endpoint: Endpoint): void {
    this.#given.delete(endpointKey(endpoint));
    if (endpoint.pod === undefined) return;
    const key = keyOf(endpoint.pod);
    const local = this.#locals.get(key);
    if (local?.endpoints.delete(endpointKey(endpoint)) !== true) return;
    if (local.endpoints.size === 0) this.#locals.delete(key);
    this.#tellPod(key);
    this.#schedule();
  }

  /** What the packet path is to be told of an endpoint. */
  policyOf(endpoint: Endpoint): EndpointPolicy {
    return this.#given.get(endpointKey(endpoint)) ?? (endpoint.pod === undefined ? open : closed);
  }

  /** Why policies about an endpoint's pod are not in force, in words; undefined: they are. */
  whyNot({ pod, ...endpoint }: Endpoint): string | undefined {
    if (pod === undefined) return undefined;
    if (!this.#isKnown) return "the agent waits for the API server's policies";
    const key = keyOf(pod);
    const model = this.#models.get(key);
    const isKnown = model !== undefined && hasUid(model, pod.uid);
    if (!isKnown && this.#couldSelect(pod.namespace))
      return `the API server has told of no pod ${key} ${pod.uid}`.trim();
    const given = this.#given.get(endpointKey(endpoint));
    if (!isKnown) return undefined;
    const wanted = this.resolver.setOf(key);
    const number = typeof wanted === "object" ? this.naming.sets.numberOf(wanted.key) : policySet.open;
    return given?.policySet === number ? undefined : (this.problems[0] ?? "they are being written");
  }

  /** Writes what has changed. */
  flush(): void {
    if (!this.#isKnown) return;
    this.#isScheduled = false;
    this.#settle(() => this.resolver.takeChanges());
  }

  /** Tries what could not be written once more. */
  retry(): void {
    if (!this.#isKnown || this.#incomplete.isEmpty) return;
    this.#incomplete = new Incomplete();
    // What was begun for sets that are not wanted any more makes room.
    this.#retire();
    this.#apply(planAbandoned(this.#planning(), this.#givenSets()));
    this.#sweep();
    this.#settleAll();
  }

  /** By name of the object. */
  get policies(): ReadonlyMap<string, { readonly policies: readonly Policy[]; readonly keeps: boolean }> {
    return this.#policies;
  }

  /** Pods of this node, with what policies make of them: in force, or not yet. */
  *locals(): Iterable<{ readonly pod: string; readonly policies: readonly Policy[]; readonly inForce: boolean }> {
    for (const [pod, { endpoints }] of this.#locals) {
      const inForce = [...endpoints.values()].every((endpoint) => this.whyNot(endpoint) === undefined);
      yield { pod, policies: this.resolver.policiesOf(pod), inForce };
    }
  }

  #schedule(): void {
    if (this.#isScheduled || !this.#isKnown) return;
    this.#isScheduled = true;
    // What comes together is written together.
    setImmediate(() => {
      if (this.#isScheduled) this.flush();
    });
  }

  #settle(changes: () => Changes): void {
    this.#openUnknown();
    this.resolver.resolve();
    this.#write(changes());
    this.resolver.takeChanges();
    if (this.resolver.hasIdle) {
      this.#retire();
      this.#write(this.resolver.takeChanges());
    }
    if (this.#incomplete.isEmpty) this.#sweep();
    this.#tellProblems();
    this.#options.settled?.();
  }

  #write(changes: Changes): void {
    if (isNone(changes)) return;
    const planning = this.#planning();
    const operations = planChanges(planning, changes);
    if (operations.length === 0) return;
    this.#remember();
    const at = operations.findIndex((operation) => !isPreparation(operation));
    const [first, second] = at < 0 ? [operations, []] : [operations.slice(0, at), operations.slice(at)];
    this.#apply(first);
    const tightens = mayTighten(second, planning);
    this.#apply(second);
    if (tightens) this.#judgeAgain();
  }

  /** When not all could be written, pods may still have old sets: those stay. */
  #retire(): void {
    const given = this.#givenSets();
    this.resolver.retire(({ key }) => given.has(this.naming.sets.numberOf(key)));
  }

  #givenSets(): ReadonlySet<number> {
    return new Set([...this.#given.values()].map((each) => each.policySet));
  }

  #judgeAgain(): void {
    const { datapath } = this.#options;
    datapath.set({ generation: (datapath.settings.generation + 1) >>> 0 });
  }

  #apply(operations: readonly PolicyOperation[]): void {
    const { log, datapath } = this.#options;
    const shown = operations.filter(isTold);
    if (shown.length > maxShown) log(`policies: ${shown.length} operations`);
    else for (const operation of shown) log(`policies: ${formatPolicyOperation(operation)}`);
    const give = (pod: string, set: number, keepsConnections: boolean) =>
      this.#give(pod, { policySet: set, keepsConnections });
    applyPolicy(operations, { maps: datapath.policy, held: this.#held, give }, this.#incomplete);
  }

  #give(pod: string, given: EndpointPolicy): void {
    for (const endpoint of this.#endpointsOf(pod)) {
      const key = endpointKey(endpoint);
      const before = this.#given.get(key);
      this.#given.set(key, given);
      try {
        this.#options.carry(endpoint);
      } catch (error) {
        if (before !== undefined) this.#given.set(key, before);
        throw error;
      }
    }
  }

  #planning(): Planning {
    return {
      ...{ resolver: this.resolver, naming: this.naming, held: this.#held },
      given: (pod) => {
        const all = this.#endpointsOf(pod).map((endpoint) => this.#given.get(endpointKey(endpoint)) ?? closed);
        return all.find((each) => each.policySet === policySet.closed) ?? all[0];
      },
      keepsConnections: (pod) =>
        !this.#options.cutEstablished ||
        this.resolver.policiesOf(pod).some(({ origin }) => this.#policies.get(policyId(origin))?.keeps === true),
    };
  }

  /** Of the pod that is known by this name now: an earlier one of the same name keeps what it has. */
  #endpointsOf(pod: string): readonly Endpoint[] {
    const model = this.#models.get(pod);
    const endpoints = [...(this.#locals.get(pod)?.endpoints.values() ?? [])];
    return endpoints.filter((endpoint) => model !== undefined && hasUid(model, endpoint.pod?.uid ?? ""));
  }

  #tellPod(key: string): void {
    const model = this.#models.get(key);
    this.resolver.setPod(key, model === undefined || model.isApart ? undefined : this.#entryOf(key, model));
  }

  /** The agent knows the addresses of its own pods before the API server does. */
  #entryOf(key: string, { namespace, name, labels, addresses, ports, createdMs }: PodModel): PodEntry {
    const own = this.#endpointsOf(key);
    const all = own.length === 0 ? addresses : [...new Set([...own.flatMap(addressesOf), ...addresses])];
    return { namespace, name, labels, addresses: all, ports, createdMs, isLocal: own.length > 0 };
  }

  /** Pods that the API server does not know, where no policy could be about them. */
  #openUnknown(): void {
    for (const [pod, { endpoints }] of this.#locals) {
      const known = new Set(this.#endpointsOf(pod));
      for (const endpoint of endpoints.values()) {
        const key = endpointKey(endpoint);
        const isClosed = this.#given.get(key)?.policySet === policySet.closed;
        if (known.has(endpoint) || !isClosed || this.#couldSelect(endpoint.pod?.namespace ?? "")) continue;
        this.#given.set(key, open);
        this.#options.carry(endpoint);
      }
    }
  }

  #couldSelect(namespace: string): boolean {
    const labels = this.#namespaces.get(namespace) ?? { "kubernetes.io/metadata.name": namespace };
    return [...this.#policies.values()].some(({ policies }) =>
      policies.some(({ subject }) => hasNamespace(subject.namespaces, namespace, labels)),
    );
  }

  #sweep(): void {
    const idle = planIdleLists(this.#held);
    if (idle.length > 0) this.#apply(idle);
    const { classes, sets, lists } = this.naming;
    const given = () => classes.size + sets.size + lists.size;
    if (given() < this.#numbersKept + spareNumbers) return;
    const used = new Set([...this.#held.identities.values(), ...this.#held.blocks.values()]);
    for (const { identity } of this.#held.choices.values()) used.add(identity);
    classes.keep((number) => used.has(number));
    sets.keep((number) => this.#held.sets.has(number));
    lists.keep((number) => this.#held.lists.has(number));
    this.#numbersKept = given();
  }

  #remember(): void {
    const { remembered } = this.naming;
    const text = JSON.stringify(remembered);
    if (text === this.#rememberedText) return;
    this.#options.remember(remembered);
    this.#rememberedText = text;
  }

  #tellProblems(): void {
    const text = this.problems.join("\n");
    if (text === this.#toldProblems) return;
    this.#options.log(text === "" ? "policies are complete again" : text);
    this.#toldProblems = text;
  }
}

const closed: EndpointPolicy = { policySet: policySet.closed, keepsConnections: false };
const open: EndpointPolicy = { policySet: policySet.open, keepsConnections: false };

/** What must be there before anything leads to it. */
function isPreparation({ do: word }: PolicyOperation): boolean {
  return word === "add list" || word === "add set" || word === "choose";
}

/** Addresses come and go all over the cluster. */
function isTold({ do: word }: PolicyOperation): boolean {
  return word !== "know" && word !== "forget";
}

function keyOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

/** `NetworkPolicy shop/db` */
export function policyId({
  kind,
  namespace,
  name,
}: {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}): string {
  return namespace === "" ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}
