// An API server in memory without controllers: what is in it is what a test writes.

import { KubeClient } from "#kube/client.ts";
import { namespaces, nodes } from "#kube/resource.ts";
import type { Transport } from "#kube/transport.ts";
import { ApiServer } from "#lab/apiserver/api-server.ts";
import { builtinResources } from "#lab/apiserver/builtin/builtin.ts";
import { controllerUser, localTransport } from "#lab/apiserver/local-transport.ts";
import { Registry } from "#lab/apiserver/registry.ts";
import { NumberPool, ServiceRange } from "#lab/apiserver/rules/address-pool.ts";
import { withRules } from "#lab/apiserver/rules/rules.ts";
import { Store } from "#lab/apiserver/store/store.ts";
import { cidr } from "#net/cidr.ts";

export class BareServer implements Disposable {
  readonly client: KubeClient;
  readonly server: ApiServer;
  readonly faults: unknown[] = [];
  readonly #store = new Store({ path: ":memory:" });

  /** `through`: what is between the server and its client. */
  constructor(through: (transport: Transport) => Transport = (transport) => transport) {
    const pick = (count: number) => Math.floor(Math.random() * count);
    const ranges = [new ServiceRange(cidr("10.96.0.0/16"), pick)];
    const nodePorts = new NumberPool(30_000, 32_767, pick);
    this.server = new ApiServer({
      store: this.#store,
      registry: new Registry(withRules(builtinResources, { ranges, nodePorts })),
      now: Date.now,
      random: (bytes) => crypto.getRandomValues(bytes),
      report: (error) => this.faults.push(error),
    });
    this.client = new KubeClient(through(localTransport(this.server, controllerUser)), "test");
  }

  async addNamespace(name: string): Promise<void> {
    await this.client.create(namespaces, { metadata: { name } });
  }

  async addNode(name: string, blocks: readonly string[], addresses: readonly string[] = []): Promise<void> {
    await this.client.create(nodes, { metadata: { name }, spec: { podCIDRs: [...blocks] } });
    const status = { addresses: addresses.map((address) => ({ type: "InternalIP", address })) };
    await this.client.patch(nodes, { name, subresource: "status" }, "merge", { status });
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]();
  }
}
