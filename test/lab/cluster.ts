// A cluster in memory for tests: the API server with its controllers, and nodes whose pods become ready by themselves.

import { KubeClient } from "#kube/client.ts";
import type { Pod } from "#kube/kinds.ts";
import { Mirror } from "#kube/mirror.ts";
import type { Pace } from "#kube/reflect.ts";
import { leases, namespaces, nodes, pods } from "#kube/resource.ts";
import { timestamp } from "#kube/time.ts";
import type { Transport } from "#kube/transport.ts";
import { ApiServer } from "#lab/apiserver/api-server.ts";
import { Rbac } from "#lab/apiserver/authz/rbac.ts";
import { builtinResources } from "#lab/apiserver/builtin/builtin.ts";
import { controllerUser, localTransport } from "#lab/apiserver/local-transport.ts";
import { Registry } from "#lab/apiserver/registry.ts";
import { NumberPool, ServiceRange } from "#lab/apiserver/rules/address-pool.ts";
import { withRules } from "#lab/apiserver/rules/rules.ts";
import type { WindowLimits } from "#lab/apiserver/store/event-window.ts";
import { Store } from "#lab/apiserver/store/store.ts";
import { kubePrinter } from "#lab/apiserver/table/printer.ts";
import { startControllers } from "#lab/controllers/all.ts";
import { leaseNamespace } from "#lab/controllers/node-lifecycle.ts";
import { cidr } from "#net/cidr.ts";
import type { BlockPool } from "#operator/node-blocks.ts";

export const pace: Pace = {
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    }),
  random: Math.random,
};

export type TestClusterOptions = {
  readonly nodeGraceMs?: number;
  readonly blockPools?: readonly BlockPool[];
  /** How far back watches and lists of the past reach. */
  readonly window?: WindowLimits;
};

const defaultPools: readonly BlockPool[] = [{ range: cidr("10.244.0.0/16"), blockLength: 24 }];

/** How long a cluster in memory may take for anything. */
const patienceMs = 30_000;

export class TestCluster implements Disposable {
  readonly server: ApiServer;
  /** For clients of their own. */
  readonly transport: Transport;
  readonly client: KubeClient;
  readonly log: string[] = [];
  readonly #stack = new DisposableStack();

  constructor({ nodeGraceMs = 40_000, blockPools = defaultPools, window }: TestClusterOptions = {}) {
    const store = this.#stack.use(new Store({ path: ":memory:", ...(window === undefined ? {} : { window }) }));
    const pick = (count: number) => Math.floor(Math.random() * count);
    const ranges = [new ServiceRange(cidr("10.96.0.0/16"), pick)];
    const nodePorts = new NumberPool(30_000, 32_767, pick);
    const registry = new Registry(withRules(builtinResources, { ranges, nodePorts }));
    const report = (error: unknown) => this.log.push(`server: ${error}`);
    this.server = new ApiServer({
      store,
      registry,
      printer: kubePrinter,
      authorizer: this.#stack.use(new Rbac(store)),
      now: Date.now,
      random: (bytes) => crypto.getRandomValues(bytes),
      report,
    });
    this.transport = localTransport(this.server, controllerUser);
    this.client = new KubeClient(this.transport, "test");
    this.#stack.use(
      startControllers({
        client: this.client,
        pace,
        nowMs: Date.now,
        log: (line) => this.log.push(line),
        certificateAuthority: "the authority",
        blockPools,
        nodeGraceMs,
      }),
    );
  }

  /** Makes the namespaces that a cluster has, and nodes. */
  async start(...nodeNames: readonly string[]): Promise<void> {
    for (const name of ["default", "kube-system", leaseNamespace]) {
      await this.client.create(namespaces, { metadata: { name } });
    }
    for (const name of nodeNames) await this.addNode(name);
  }

  async addNode(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    const status = {
      allocatable: { cpu: "4", memory: "8Gi", pods: "110" },
      conditions: [{ type: "Ready", status: "True" }],
    };
    await this.client.create(nodes, {
      metadata: { name, labels: { "kubernetes.io/hostname": name, ...labels } },
      status,
    });
    await this.client.patch(nodes, { name, subresource: "status" }, "merge", { status });
    await this.renew(name);
  }

  /** Says that a node's kubelet lives. */
  async renew(name: string): Promise<void> {
    const spec = { holderIdentity: name, renewTime: timestamp(Date.now()).replace("Z", ".000000Z") };
    await this.client.apply(leases, { metadata: { namespace: leaseNamespace, name }, spec }).catch(async () => {
      await this.client.create(leases, { metadata: { namespace: leaseNamespace, name }, spec });
    });
  }

  /** Plays the kubelets: scheduled pods get an address and become ready, terminating ones go. */
  runKubelets(): void {
    let number = 0;
    const changed = ({ after: pod }: { readonly after: Pod | undefined }) => {
      if (pod?.spec?.nodeName === undefined) return;
      const { namespace, name } = pod.metadata;
      if (pod.metadata.deletionTimestamp !== undefined) {
        void this.client.remove(pods, { namespace, name }, { gracePeriodSeconds: 0 }).catch(() => {});
      } else if (pod.status?.podIP === undefined) {
        const podIP = `10.244.0.${++number}`;
        const now = timestamp(Date.now());
        const conditions = [{ type: "Ready", status: "True", lastTransitionTime: now }];
        const status = { phase: "Running", podIP, podIPs: [{ ip: podIP }], conditions };
        void this.client.patch(pods, { namespace, name, subresource: "status" }, "merge", { status }).catch(() => {});
      }
    };
    this.#stack.use(new Mirror<Pod>({ client: this.client, resource: pods, pace, changed }));
  }

  /** Waits until `look` gives something; what it gave. Throws what `look` last threw, or that nothing came. */
  async until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    const end = Date.now() + patienceMs;
    for (;;) {
      const found = await look().catch(() => undefined);
      if (found !== undefined) return found;
      if (Date.now() > end) throw new Error(`${what} did not happen; the log:\n${this.log.join("\n")}`);
      await Bun.sleep(5);
    }
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}
