// Ports of the node that lead to a pod: of Kubernetes' pods by the maps of services where the agent serves those, else as the standard
// plugin does it.

import { readConf } from "#agent/cni/conf.ts";
import type { Ports } from "#agent/cni/ports.ts";
import type { PodName } from "#agent/state/endpoint.ts";
import type { Call } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import type { NodeServices } from "./node-services.ts";

export class ServicePorts {
  readonly #ports: Ports;
  readonly #services: () => Pick<NodeServices, "podChanged"> | undefined;

  constructor(ports: Ports, services: () => Pick<NodeServices, "podChanged"> | undefined) {
    this.#ports = ports;
    this.#services = services;
  }

  /** @throws CniError, KernelError */
  async map(call: Call, result: Result): Promise<void> {
    const { pod } = readConf(call);
    const services = this.#services();
    if (services === undefined || pod === undefined) await this.#ports.map(call, result);
    else services.podChanged(pod);
  }

  /** Also what an agent without services has mapped; `pod`: whose interface it is, as far as that is known. @throws KernelError */
  async unmap(call: Call, pod: PodName | undefined): Promise<void> {
    await this.#ports.unmap(call);
    if (pod !== undefined) this.#services()?.podChanged(pod);
  }

  /** What an agent without services has mapped to interfaces that a GC does not name: the maps of services follow the endpoints. @throws KernelError */
  async collect(call: Call): Promise<void> {
    await this.#ports.collect(call);
  }
}
