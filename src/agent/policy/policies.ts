// Keeps the packet path's maps of policies as the cluster's policies want them.
//
//   watches ─► Resolver ─changes─► plan (against Held) ─► lists, sets ─► identities ─► endpoints ─► retire: what is old goes
//   ADD, DEL ─► local pods ──┘
//
// Nothing is written before everything has been seen once: until then the maps are as an earlier agent left them.

import { addressesOf, type Endpoint } from "#agent/state/endpoint.ts";
import { messageOf } from "#base/error-message.ts";
import type { Damage } from "#bpf/kept-map.ts";
import type { Datapath, EndpointPolicy } from "#datapath/datapath.ts";
import { policySet } from "#datapath/policy-format.ts";
import type { PodModel } from "#model/pod.ts";
import { type Labels, labelsOfNamespace } from "#model/policy/party.ts";
import { type Changes, isNone } from "#model/policy/resolve/changes.ts";
import { hasNamespace } from "#model/policy/resolve/choice-index.ts";
import { type NodeEntry, Resolver } from "#model/policy/resolve/resolver.ts";
import type { Policy } from "#model/policy/rule.ts";
import { applyPolicy, Incomplete } from "./apply.ts";
import { Held, type PolicyMaps } from "./held.ts";
import { LocalPods, podKey } from "./local-pods.ts";
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

export class Policies {
  readonly resolver = new Resolver();
  readonly naming: Naming;
  readonly #options: PoliciesOptions;
  readonly #held: Held;
  readonly #pods: LocalPods;
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
    this.#held = new Held(options.datapath.policy);
    this.#pods = new LocalPods(options.carry);
  }

  /** What cannot be enforced, a sentence each. */
  get problems(): readonly string[] {
    return this.#incomplete.problems;
  }

  /** Whether connections end that policies forbid since, unless a policy keeps those of its pods. */
  get cutsEstablished(): boolean {
    return this.#options.cutEstablished;
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
    this.#pods.setModel(key, model);
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
    const [planning, given] = [this.#planning(), this.#pods.givenSets()];
    const leftovers = [...planLeftovers(planning, given), ...planAbandoned(planning, given)];
    this.#apply(leftovers);
    if (leftovers.length > 0) this.#judgeAgain();
    this.#sweep();
  }

  /** One that has come up, or was there before this agent. */
  addEndpoint(endpoint: Endpoint): void {
    const [address] = addressesOf(endpoint);
    this.#pods.add(endpoint, address && this.#options.datapath.policyOf(address));
    this.#tellPodOf(endpoint);
  }

  removeEndpoint(endpoint: Endpoint): void {
    this.#pods.remove(endpoint);
    this.#tellPodOf(endpoint);
  }

  /** What the packet path is to be told of an endpoint. */
  policyOf(endpoint: Endpoint): EndpointPolicy {
    return this.#pods.policyOf(endpoint);
  }

  /** Why policies about an endpoint's pod are not in force, in words; undefined: they are. */
  whyNot(endpoint: Endpoint): string | undefined {
    const { pod } = endpoint;
    if (pod === undefined) return undefined;
    if (!this.#isKnown) return "the agent waits for the API server's policies";
    const key = podKey(pod);
    if (!this.#pods.isKnown(endpoint)) {
      const isOpen = !this.#couldSelect(pod.namespace);
      return isOpen ? undefined : `the API server has told of no pod ${key} ${pod.uid}`.trim();
    }
    const wanted = this.resolver.setOf(key);
    const number = typeof wanted === "object" ? this.naming.sets.numberOf(wanted.key) : policySet.open;
    const given = this.#pods.policyOf(endpoint).policySet;
    return given === number ? undefined : (this.problems[0] ?? "they are being written");
  }

  /** Writes what has changed. */
  flush(): void {
    if (!this.#isKnown || !this.#isScheduled) return;
    this.#isScheduled = false;
    this.#settle(() => this.resolver.takeChanges());
  }

  /** Tries what could not be written once more. */
  retry(): void {
    if (!this.#isKnown || this.#incomplete.isEmpty) return;
    this.#incomplete = new Incomplete();
    // What was begun for sets that are not wanted any more makes room.
    this.#retire();
    this.#apply(planAbandoned(this.#planning(), this.#pods.givenSets()));
    this.#sweep();
    this.#settleAll();
  }

  /** By name of the object. */
  get policies(): ReadonlyMap<string, { readonly policies: readonly Policy[]; readonly keeps: boolean }> {
    return this.#policies;
  }

  /** All of the cluster. */
  get pods(): Iterable<PodModel> {
    return this.#pods.models;
  }

  /** Pods of this node, with what policies make of them: in force, or not yet. */
  *locals(): Iterable<{ readonly pod: string; readonly policies: readonly Policy[]; readonly inForce: boolean }> {
    for (const pod of this.#pods.keys) {
      const inForce = [...this.#pods.all(pod)].every((endpoint) => this.whyNot(endpoint) === undefined);
      yield { pod, policies: this.resolver.policiesOf(pod), inForce };
    }
  }

  /** Compares the maps with what they should hold, a few thousand elements at a time. @throws KernelError */
  *compare(): Generator<readonly Damage[]> {
    for (const damage of this.#held.compare()) {
      yield damage;
      // Connections may have been allowed by what was not right.
      if (damage.length > 0) this.#judgeAgain();
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
    this.#pods.openUnknown((namespace) => this.#couldSelect(namespace));
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
    const given = this.#pods.givenSets();
    this.resolver.retire(({ key }) => given.has(this.naming.sets.numberOf(key)));
  }

  #judgeAgain(): void {
    const { datapath } = this.#options;
    datapath.set({ generation: (datapath.settings.generation + 1) >>> 0 });
  }

  #apply(operations: readonly PolicyOperation[]): void {
    const { log } = this.#options;
    const shown = operations.filter(isTold);
    if (shown.length > maxShown) log(`policies: ${shown.length} operations`);
    else for (const operation of shown) log(`policies: ${formatPolicyOperation(operation)}`);
    const give = (pod: string, set: number, keepsConnections: boolean) =>
      this.#pods.give(pod, { policySet: set, keepsConnections });
    applyPolicy(operations, { held: this.#held, give }, this.#incomplete);
  }

  #planning(): Planning {
    return {
      ...{ resolver: this.resolver, naming: this.naming, held: this.#held },
      given: (pod) => this.#pods.given(pod),
      keepsConnections: (pod) =>
        !this.#options.cutEstablished ||
        this.resolver.policiesOf(pod).some(({ origin }) => this.#policies.get(policyId(origin))?.keeps === true),
    };
  }

  #tellPod(key: string): void {
    this.resolver.setPod(key, this.#pods.entryOf(key));
  }

  #tellPodOf({ pod }: Endpoint): void {
    if (pod === undefined) return;
    this.#tellPod(podKey(pod));
    this.#schedule();
  }

  #couldSelect(namespace: string): boolean {
    const labels = this.#namespaces.get(namespace) ?? labelsOfNamespace(namespace);
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
    try {
      this.#options.remember(remembered);
      this.#rememberedText = text;
    } catch (error) {
      // Policies are enforced all the same: what is not remembered is found in the maps, or written anew.
      this.#options.log(`policies: ${messageOf(error)}`);
    }
  }

  #tellProblems(): void {
    const text = this.problems.join("\n");
    if (text === this.#toldProblems) return;
    this.#options.log(text === "" ? "policies are complete again" : text);
    this.#toldProblems = text;
  }
}

/** What must be there before anything leads to it. */
function isPreparation({ do: word }: PolicyOperation): boolean {
  return word === "add list" || word === "add set" || word === "choose";
}

/** Addresses come and go all over the cluster. */
function isTold({ do: word }: PolicyOperation): boolean {
  return word !== "know" && word !== "forget";
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
