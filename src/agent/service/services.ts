// Keeps the packet path's maps of services as the cluster's services want them.
//
//   ServiceView ──name──► want ─► claims (who has which place) ─► plan (against Held) ─► apply ─► maps
//   pods with host ports ──┘                                                 comparison ──► mend ──┘

import { messageOf } from "#base/error-message.ts";
import type { Damage } from "#bpf/kept-map.ts";
import type { Datapath } from "#datapath/datapath.ts";
import { Claims } from "#model/service/claims.ts";
import type { Frontend } from "#model/service/frontend.ts";
import { isPodOwner } from "#model/service/host-port.ts";
import type { Protocol } from "#model/service/protocol.ts";
import type { Ip } from "#net/ip.ts";
import { applyOperations, removeRetired } from "./apply.ts";
import { Comparison } from "./compare.ts";
import { type NumberGivers, readServices } from "./have.ts";
import type { Held } from "./held.ts";
import { formatServiceOperation, type ServiceOperation } from "./operation.ts";
import { type Owned, ownsNothing, planLeftovers, planOwner } from "./plan.ts";
import { type FrontendRow, frontendKey, protocolNumbers, refusal } from "./row.ts";
import type { Want } from "./want.ts";

export type ServicesOptions = {
  readonly datapath: Pick<Datapath, "services">;
  /** What an owner wants now; its rank decides who of two has a place: the first one. */
  readonly wantOf: (owner: string) => Want & { readonly rank: string };
  /** Told what nobody is led to any more. */
  readonly gone: (backends: readonly GoneBackend[]) => void;
  /** Told where services are reached that were not reached there before. */
  readonly came?: (places: readonly FrontendRow[]) => void;
  readonly log: (line: string) => void;
  readonly nowMs: () => number;
};

/** An endpoint that one group does not have any more. */
export type GoneBackend = {
  readonly group: number;
  /** Undefined: an earlier agent has left it. */
  readonly protocol: Protocol | undefined;
  readonly address: Ip;
  readonly port: number;
};

/** Frontends that were chosen, and by whom. */
type Owner = Owned & { readonly faults: readonly string[] };

/** Longer than any program runs that has read who leads where. */
const graceMs = 1000;
/** Operations that are told one by one; more are told by their number. */
const maxShown = 20;
/** Owners that are planned and written together. */
const maxTogether = 500;

const none: readonly never[] = [];
const nobody = "";

export class Services {
  readonly #options: ServicesOptions;
  readonly #held: Held;
  readonly #numbers: NumberGivers;
  /** Who has which place; of what is refused, `nobody`, for several may want that. */
  readonly #claims = new Claims<string>((a, b) => a === b);
  readonly #owners = new Map<string, Owner>();
  /** Why an owner stays as it was. */
  readonly #unfit = new Map<string, string>();
  /** By the numbers of all groups. */
  readonly #protocols = new Map<number, Protocol>();
  readonly #comparison: Comparison;
  readonly #retiring = new Set<string>();
  #retired: readonly { readonly operations: readonly ServiceOperation[]; readonly dueMs: number }[] = [];

  /** @throws KernelError */
  constructor(options: ServicesOptions) {
    this.#options = options;
    const { held, numbers } = readServices(options.datapath.services);
    this.#held = held;
    this.#numbers = numbers;
    this.#comparison = new Comparison(options.datapath.services, held, {
      isSet: (number) => this.#retiring.has(`retire set ${number}`),
      isBackend: (number) => this.#retiring.has(`retire backend ${number}`),
    });
  }

  get held(): Held {
    return this.#held;
  }

  /** What is amiss, a sentence each. */
  get problems(): readonly string[] {
    return [...this.#unfit.values(), ...[...this.#owners.values()].flatMap(({ faults }) => faults)];
  }

  /** Of one owner. */
  problemsOf(owner: string): readonly string[] {
    const unfit = this.#unfit.get(owner);
    return [...(unfit === undefined ? [] : [unfit]), ...(this.#owners.get(owner)?.faults ?? [])];
  }

  /** Those that have something, or a fault. */
  get owners(): Iterable<string> {
    return this.#owners.keys();
  }

  /** The owner of a place: `10.96.0.20 tcp 80`. */
  ownerOf(place: string): string | undefined {
    return this.#claims.get(place);
  }

  /** The number of an owner's group. */
  groupNumber(owner: string, group: string): number | undefined {
    return this.#owners.get(owner)?.groups.find(({ name }) => name === group)?.number;
  }

  /** Brings what these owners have to what they want; returns others who want other things now. Those that do not fit stay as they are. */
  update(owners: readonly string[]): readonly string[] {
    const touched = new Set<string>();
    for (let start = 0; start < owners.length; start += maxTogether) {
      for (const other of this.#updateTogether(owners.slice(start, start + maxTogether))) touched.add(other);
    }
    for (const owner of owners) touched.delete(owner);
    return [...touched];
  }

  /** Removes what no owner has: once, when all owners have been updated. */
  removeLeftovers(): void {
    const groups = new Set([...this.#owners.values()].flatMap(({ groups: own }) => own.map(({ number }) => number)));
    const frontends = new Set([...this.#owners.values()].flatMap(({ frontends: own }) => own));
    const operations = planLeftovers(
      this.#held,
      (group) => groups.has(group),
      (key) => frontends.has(key),
    );
    this.#apply(operations, new Map());
  }

  /** Takes away what was retired long enough ago; call it now and then. @throws KernelError */
  removeRetired(): void {
    const now = this.#options.nowMs();
    const due = this.#retired.filter(({ dueMs }) => dueMs <= now);
    if (due.length === 0) return;
    this.#retired = this.#retired.filter(({ dueMs }) => dueMs > now);
    const operations = due.flatMap((each) => each.operations);
    removeRetired(this.#options.datapath.services, operations);
    for (const operation of operations) this.#retiring.delete(retiredKey(operation));
  }

  /** Owners that did not fit, to be tried again. */
  get waiting(): readonly string[] {
    return [...this.#unfit.keys()];
  }

  /** Compares a batch at a time, through all maps once; whoever asks mends. @throws KernelError */
  compare(): Generator<readonly Damage[]> {
    return this.#comparison.round();
  }

  #updateTogether(owners: readonly string[]): readonly string[] {
    const touched: string[] = [];
    const after = new Map<string, Owner>();
    const operations: ServiceOperation[] = [];
    for (const owner of owners) {
      const plan = this.#plan(owner, touched);
      after.set(owner, plan.after);
      operations.push(...plan.operations);
    }
    try {
      this.#apply(operations, after);
    } catch {
      // One of them does not fit: each for itself.
      for (const [owner, planned] of after) this.#forget(owner, planned);
      for (const [owner] of after) this.#updateAlone(owner, touched);
    }
    return touched;
  }

  /** Numbers of a plan that came to nothing. */
  #forget(owner: string, planned: Owned): void {
    const before = new Set(this.#owners.get(owner)?.groups.map(({ number }) => number));
    for (const { number } of planned.groups) if (!before.has(number)) this.#protocols.delete(number);
  }

  #updateAlone(owner: string, touched: string[]): void {
    const plan = this.#plan(owner, touched);
    try {
      this.#apply(plan.operations, new Map([[owner, plan.after]]));
    } catch (error) {
      this.#forget(owner, plan.after);
      const problem = messageOf(error);
      const sentence = `${capitalize(owner)} stays as it was, a map of the packet path does not take more: ${problem}`;
      if (this.#unfit.get(owner) !== sentence) this.#options.log(`services: ${sentence}`);
      this.#unfit.set(owner, sentence);
    }
  }

  #plan(owner: string, touched: string[]): { readonly operations: readonly ServiceOperation[]; readonly after: Owner } {
    const { rank, ...want } = this.#options.wantOf(owner);
    const places = new Map(want.frontends.map((frontend) => [placeKey(frontend), owner]));
    const refused = new Map(want.refusals.map((address) => [refusalKey(address), nobody]));
    for (const { before, after } of this.#claims.replace(owner, new Map([...places, ...refused]), rank)) {
      for (const other of [before, after]) if (other && other !== owner) touched.push(other);
    }
    const [wanted, lost] = partition(want.frontends, (frontend) => this.#claims.get(placeKey(frontend)) === owner);
    const before = this.#owners.get(owner) ?? ownsNothing;
    const own = new Set(before.groups.map(({ number }) => number));
    const plan = planOwner({
      ...{ held: this.#held, numbers: this.#numbers, before, wanted },
      isFree: (group) => !this.#protocols.has(group) || own.has(group),
    });
    for (const { number, protocol } of plan.after.groups) this.#protocols.set(number, protocol);
    const byWinner = Map.groupBy(lost, (frontend) => {
      const { protocol, port } = frontend;
      return `${protocol} ${port}: ${this.#claims.get(placeKey(frontend))} has it, and is older`;
    });
    const faults = [...byWinner].map(([text, frontends]) => {
      const addresses = frontends.map(({ address }) => address).join(", ");
      return `${capitalize(owner)} is not served at ${addresses} ${text}`;
    });
    return {
      operations: [...plan.operations, ...this.#planRefusals(before, want.refusals)],
      after: {
        groups: plan.after.groups,
        frontends: [...plan.after.frontends, ...refused.keys()],
        faults: want.faults.length + faults.length === 0 ? none : [...want.faults, ...faults],
      },
    };
  }

  /** Those that an owner had and nobody wants any more go. */
  #planRefusals({ frontends }: Owned, wanted: readonly Ip[]): readonly ServiceOperation[] {
    const missing = wanted.map(refusal).filter((row) => !this.#held.frontends.has(frontendKey(row)));
    const surplus = frontends.flatMap((key) => {
      const row = this.#held.frontends.get(key);
      return row?.protocol === 0 && this.#claims.get(key) === undefined ? [row] : [];
    });
    return [
      ...missing.map((frontend) => ({ do: "set frontend", frontend, why: "missing" }) as const),
      ...surplus.map((frontend) => ({ do: "remove frontend", frontend, why: "nobody wants it" }) as const),
    ];
  }

  #apply(operations: readonly ServiceOperation[], owners: ReadonlyMap<string, Owner>): void {
    const { datapath, log, nowMs, gone, came } = this.#options;
    if (operations.length > 0) {
      applyOperations(datapath.services, this.#held, operations);
      if (operations.length > maxShown) log(`services: ${operations.length} changes`);
      else for (const operation of operations) log(`services: ${formatServiceOperation(operation)}`);
    }
    const retired = operations.filter(({ do: word }) => word === "retire set" || word === "retire backend");
    for (const operation of retired) this.#retiring.add(retiredKey(operation));
    if (retired.length > 0) this.#retired = [...this.#retired, { operations: retired, dueMs: nowMs() + graceMs }];
    const lost = retired.flatMap((operation) => {
      if (operation.do !== "retire backend") return [];
      const { group, address, port } = operation.backend;
      return [{ group, protocol: this.#protocols.get(group), address, port }];
    });
    for (const [owner, after] of owners) this.#own(owner, after);
    if (lost.length > 0) gone(lost);
    const fresh = operations.flatMap((each) =>
      each.do === "set frontend" && each.why === "missing" ? [each.frontend] : [],
    );
    if (fresh.length > 0) came?.(fresh);
  }

  #own(owner: string, after: Owner): void {
    const before = this.#owners.get(owner);
    const kept = new Set(after.groups.map(({ number }) => number));
    for (const { number } of before?.groups ?? []) if (!kept.has(number)) this.#protocols.delete(number);
    this.#unfit.delete(owner);
    for (const fault of after.faults)
      if (before?.faults.includes(fault) !== true) this.#options.log(`services: ${fault}`);
    if (after.groups.length + after.frontends.length + after.faults.length === 0) this.#owners.delete(owner);
    else this.#owners.set(owner, after);
  }
}

function retiredKey(operation: ServiceOperation): string {
  if (operation.do === "retire set") return `retire set ${operation.set.number}`;
  return operation.do === "retire backend" ? `retire backend ${operation.backend.number}` : "";
}

function refusalKey(address: Ip): string {
  return frontendKey(refusal(address));
}

function placeKey({ address, protocol, port }: Frontend): string {
  return frontendKey({ address, protocol: protocolNumbers[protocol], port });
}

function partition<T>(list: readonly T[], goes: (value: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [list.filter(goes), list.filter((value) => !goes(value))];
}

/** `Service shop/web`, `Pod shop/web-1` */
function capitalize(owner: string): string {
  return isPodOwner(owner) ? `P${owner.slice(1)}` : `Service ${owner}`;
}
