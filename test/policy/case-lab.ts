// The nine pods of the cases in a lab, and what a case makes and changes there.

import { services } from "#kube/resource.ts";
import type { TestLabs } from "#test/lab.ts";
import {
  type Cell,
  containerPorts,
  initialNamespaceLabels,
  initialPodLabels,
  pods as podsOfCases,
  ports,
  type Step,
} from "./cases/case.ts";
import { type Expectation, PolicyLab } from "./policy-lab.ts";

/** Each node has pods that share their namespace, and pods that do not. */
const nodeOf: Readonly<Record<string, string>> = {
  ...{ "x/a": "node1", "x/b": "node1", "x/c": "node2" },
  ...{ "y/a": "node2", "y/b": "node3", "y/c": "node1" },
  ...{ "z/a": "node3", "z/b": "node2", "z/c": "node3" },
};

/** What its service finds a pod by, whatever else a case makes of its labels. */
const serverLabel = "server";

/** What a lab can send: its kernel may know no SCTP. */
const served = ["TCP", "UDP"] as const;

type Labels = Readonly<Record<string, string>>;

export class CaseLab {
  readonly lab: PolicyLab;
  /** Of both families, by pod. */
  readonly #addresses = new Map<string, readonly string[]>();
  readonly #serviceAddresses = new Map<string, readonly string[]>();
  #podLabels = initialPodLabels;
  #namespaceLabels = initialNamespaceLabels;

  private constructor(lab: PolicyLab) {
    this.lab = lab;
  }

  static async start(labs: TestLabs): Promise<CaseLab> {
    const cases = new CaseLab(await PolicyLab.start(labs, 3));
    const { lab } = cases;
    lab.load([
      ...Object.entries(initialNamespaceLabels).map(([name, labels]) => ({
        ...{ apiVersion: "v1", kind: "Namespace" },
        metadata: { name, labels },
      })),
      ...podsOfCases.flatMap(objectsOf),
    ]);
    for (const [name, { status }] of await lab.pods())
      cases.#addresses.set(
        name,
        (status?.podIPs ?? []).map(({ ip = "" }) => ip),
      );
    const { items } = await lab.client.listAll(services);
    for (const { metadata, spec } of items)
      cases.#serviceAddresses.set(`${metadata.namespace}/${metadata.name}`, spec?.clusterIPs ?? []);
    await lab.findPods();
    return cases;
  }

  /** Everything as it was before the case: in force together with the next step. */
  async reset(): Promise<void> {
    await this.lab.remove();
    await this.#label(initialPodLabels, initialNamespaceLabels);
  }

  /** Resolves when the step is in force. Blocks are of one family. */
  async play({ make = [], remove = [], podLabels = {}, namespaceLabels = {} }: Step, v6: boolean): Promise<void> {
    const objects = typeof make === "function" ? make((pod) => this.#addressOf(this.#addresses, pod, v6)) : make;
    for (const object of objects) await this.lab.apply(object);
    if (remove.length > 0) await this.lab.remove(...remove);
    await this.#label({ ...this.#podLabels, ...podLabels }, { ...this.#namespaceLabels, ...namespaceLabels });
    await this.lab.settled();
  }

  /** A connection over one family to the pod's own address, and one through its service. */
  expectations({ from, to, port, protocol }: Cell, allowed: boolean, v6: boolean): readonly Expectation[] {
    const known = served.find((each) => each === protocol);
    if (known === undefined) return [];
    const shared = { from, port, protocol: known === "TCP" ? "tcp" : "udp", allowed } as const;
    return [
      { ...shared, host: this.#addressOf(this.#addresses, to, v6), title: to },
      { ...shared, host: this.#addressOf(this.#serviceAddresses, to, v6), title: `the service of ${to}` },
    ];
  }

  #addressOf(addresses: ReadonlyMap<string, readonly string[]>, name: string, v6: boolean): string {
    const found = addresses.get(name)?.find((each) => each.includes(":") === v6);
    if (found === undefined) throw new Error(`${name} has no address of IPv${v6 ? 6 : 4}`);
    return found;
  }

  async #label(podLabels: Readonly<Record<string, Labels>>, namespaceLabels: Readonly<Record<string, Labels>>) {
    for (const [pod, labels] of Object.entries(podLabels)) {
      if (Bun.deepEquals(this.#podLabels[pod], labels)) continue;
      await this.lab.labelPod(pod, { ...labels, [serverLabel]: pod.slice(2) });
    }
    for (const [name, labels] of Object.entries(namespaceLabels)) {
      if (!Bun.deepEquals(this.#namespaceLabels[name], labels)) await this.lab.labelNamespace(name, labels);
    }
    this.#podLabels = podLabels;
    this.#namespaceLabels = namespaceLabels;
  }
}

/** The pod, and its service. */
function objectsOf(pod: string): readonly object[] {
  const [namespace = "", name = ""] = pod.split("/");
  const declared = containerPorts.filter(({ protocol }) => served.some((each) => each === protocol));
  return [
    {
      ...{ apiVersion: "v1", kind: "Pod" },
      metadata: { namespace, name, labels: { ...initialPodLabels[pod], [serverLabel]: name } },
      spec: { nodeName: nodeOf[pod], containers: [{ name: "server", image: "server", ports: declared }] },
    },
    {
      ...{ apiVersion: "v1", kind: "Service" },
      metadata: { namespace, name },
      spec: {
        ...{ selector: { [serverLabel]: name }, ipFamilyPolicy: "PreferDualStack" },
        ports: ports.flatMap((port) =>
          served.map((protocol) => ({ name: `${protocol}-${port}`.toLowerCase(), protocol, port })),
        ),
      },
    },
  ];
}
