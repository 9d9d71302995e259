// Ports of the node that lead to a pod: of Kubernetes' pods by the maps of services where the agent serves those, else as the standard
// plugin does it.

import { readConf } from "#agent/cni/conf.ts";
import type { Ports } from "#agent/cni/ports.ts";
import type { Call } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import type { NodeServices } from "./node-services.ts";

export class ServicePorts {
  readonly #ports: Pick<Ports, "map" | "unmap">;
  readonly #services: () => Pick<NodeServices, "podChanged"> | undefined;

  constructor(ports: Pick<Ports, "map" | "unmap">, services: () => Pick<NodeServices, "podChanged"> | undefined) {
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

  /** Also what an agent without services has mapped. @throws KernelError */
  async unmap(call: Call): Promise<void> {
    await this.#ports.unmap(call);
    const { pod } = readConf(call);
    if (pod !== undefined) this.#services()?.podChanged(pod);
  }
}
