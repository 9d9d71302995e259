// Which addresses and node ports services have: what another one cannot get.

import type { Service } from "#kube/kinds.ts";
import type { KubeObject } from "#kube/object.ts";

export class Allocations {
  static readonly group = "";
  static readonly plural = "services";
  /** How many services have it: two may, of an older store. */
  readonly #addresses = new Map<string, number>();
  readonly #ports = new Map<number, number>();

  add(object: KubeObject): void {
    this.#count(object as Service, 1);
  }

  remove(object: KubeObject): void {
    this.#count(object as Service, -1);
  }

  hasAddress(address: string): boolean {
    return this.#addresses.has(address);
  }

  /** Also where balancers ask how a node is. */
  hasPort(port: number): boolean {
    return this.#ports.has(port);
  }

  #count(service: Service, step: number): void {
    for (const address of service.spec?.clusterIPs ?? []) change(this.#addresses, address, step);
    for (const port of nodePortsOf(service.spec)) change(this.#ports, port, step);
  }
}

/** Each once: two protocols may share one. */
export function nodePortsOf(spec: Service["spec"]): ReadonlySet<number> {
  const all = [spec?.healthCheckNodePort, ...(spec?.ports ?? []).map(({ nodePort }) => nodePort)];
  return new Set(all.filter((port) => port !== undefined).filter((port) => port !== 0));
}

function change<K>(counts: Map<K, number>, key: K, step: number): void {
  const count = (counts.get(key) ?? 0) + step;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
