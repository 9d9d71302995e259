// Ports of the node that lead to a pod: what the standard plugin does, without another call of the runtime.

import type { Call } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import type { Host } from "#plugins/host.ts";
import { portmap } from "#plugins/portmap/plugin.ts";

export class Ports {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  /** @throws CniError, KernelError */
  async map(call: Call, result: Result): Promise<void> {
    await portmap.add(asPortmap(call, result), this.#host);
  }

  /** @throws KernelError */
  async unmap(call: Call): Promise<void> {
    await portmap.del(asPortmap(call), this.#host);
  }

  /** Of interfaces that a GC does not name. @throws KernelError */
  async collect(call: Call): Promise<void> {
    await portmap.gc(asPortmap(call), this.#host);
  }
}

function asPortmap(call: Call, prevResult?: Result): Call {
  return { ...call, type: portmap.name, prevResult: prevResult ?? call.prevResult };
}
