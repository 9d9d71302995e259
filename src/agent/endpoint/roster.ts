// Which endpoints there are, found by their interface, their number, or an address.

import { addressesOf, type Endpoint, endpointKey, maxEndpointId } from "#agent/state/endpoint.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Ip } from "#net/ip.ts";

export class Roster {
  readonly #byKey = new Map<string, Endpoint>();
  /** Numbers in use, with the `endpointKey`; a stranger's has none. */
  readonly #ids = new Map<number, string>();
  readonly #owners = new Map<Ip, string>();
  #lastId: number;

  /** `lastId`: the number that was chosen last. */
  constructor(endpoints: Iterable<Endpoint>, lastId: number) {
    for (const endpoint of endpoints) this.put(endpoint);
    this.#lastId = lastId;
  }

  list(): readonly Endpoint[] {
    return [...this.#byKey.values()];
  }

  find(containerId: string, ifname: string): Endpoint | undefined {
    return this.#byKey.get(endpointKey({ containerId, ifname }));
  }

  byId(id: number): Endpoint | undefined {
    return this.#byKey.get(this.#ids.get(id) ?? "");
  }

  byAddress(address: Ip): Endpoint | undefined {
    return this.#byKey.get(this.#owners.get(address) ?? "");
  }

  /** In the place of what was known of the interface: number and addresses are the same. */
  put(endpoint: Endpoint): void {
    const key = endpointKey(endpoint);
    this.#byKey.set(key, endpoint);
    this.#ids.set(endpoint.id, key);
    for (const address of addressesOf(endpoint)) this.#owners.set(address, key);
  }

  remove(endpoint: Endpoint): void {
    const key = endpointKey(endpoint);
    this.#byKey.delete(key);
    this.#ids.delete(endpoint.id);
    for (const address of addressesOf(endpoint)) if (this.#owners.get(address) === key) this.#owners.delete(address);
  }

  /** A number that no new endpoint may have: a link has it that nobody knows. */
  takeId(id: number): void {
    this.#ids.set(id, "");
    this.#lastId = Math.max(this.#lastId, id);
  }

  freeId(id: number): void {
    this.#ids.delete(id);
  }

  /** The next number that is free, the one that was free the longest. @throws CniError 11 when all are in use */
  chooseId(): number {
    for (let step = 1; step <= maxEndpointId; step++) {
      const id = ((this.#lastId - 1 + step) % maxEndpointId) + 1;
      if (this.#ids.has(id)) continue;
      this.#lastId = id;
      return id;
    }
    throw new CniError(ErrorCode.tryAgainLater, `The node has ${maxEndpointId} endpoints already`);
  }
}
