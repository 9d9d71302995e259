// The nodes of the cluster as the agent knows them: followed at the API server, and the own blocks remembered over a restart.

import { messageOf } from "#base/error-message.ts";
import type { KubeClient } from "#kube/client.ts";
import type { Node } from "#kube/kinds.ts";
import { Mirror } from "#kube/mirror.ts";
import type { Pace } from "#kube/reflect.ts";
import { nodes } from "#kube/resource.ts";
import { type NodeModel, toNodeModel } from "#model/node.ts";
import { Following } from "./following.ts";
import type { StateStore } from "./state/store.ts";

export type ClusterOptions = {
  readonly client: KubeClient;
  readonly nodeName: string;
  readonly pace: Pace;
  readonly store: StateStore;
  readonly log: (line: string) => void;
  /** Told after every change of any node. */
  readonly changed: () => void;
};

/** Without the API server the node goes on with what it last knew of itself. */
export class Cluster implements Disposable {
  readonly #options: ClusterOptions;
  readonly #mirror: Mirror<Node>;
  readonly #models = new Map<string, NodeModel>();
  #remembered: NodeModel | undefined;
  readonly #following: Following;
  #isSynced = false;

  constructor(options: ClusterOptions) {
    const { client, pace, store, log, nodeName } = options;
    this.#options = options;
    this.#following = new Following(log);
    this.#remembered = rememberedNode(store, nodeName);
    this.#mirror = new Mirror<Node>({
      client,
      resource: nodes,
      pace,
      changed: ({ before, after }) => this.#change(before, after),
      ...this.#following.of("nodes"),
    });
    void this.#mirror.synced.then(() => {
      this.#isSynced = true;
      options.changed();
    });
  }

  /** This node; undefined while nobody knows it. */
  get self(): NodeModel | undefined {
    return this.#models.get(this.#options.nodeName) ?? this.#remembered;
  }

  /** The others; empty while the API server has not answered. */
  get others(): readonly NodeModel[] {
    return [...this.#models.values()].filter(({ name }) => name !== this.#options.nodeName);
  }

  /** Resolves when all nodes are known. */
  get synced(): Promise<void> {
    return this.#mirror.synced;
  }

  /** Whether all nodes are known. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Why the nodes cannot be followed; undefined: they are. */
  get problem(): string | undefined {
    return this.#following.problems[0];
  }

  [Symbol.dispose](): void {
    this.#mirror[Symbol.dispose]();
  }

  #change(before: Node | undefined, after: Node | undefined): void {
    const { nodeName, changed } = this.#options;
    if (after === undefined) this.#models.delete(before?.metadata.name ?? "");
    else {
      const model = toNodeModel(after);
      const known = this.#models.get(model.name);
      // Kubelets report every few seconds, mostly nothing that matters here.
      if (known !== undefined && JSON.stringify(known) === JSON.stringify(model)) return;
      this.#models.set(model.name, model);
      if (model.name === nodeName && model.blocks.length > 0) {
        this.#remembered = model;
        this.#writeDown(model);
      }
    }
    if (this.#isSynced) changed();
  }

  /** A disk that is full must not keep the agent from following its nodes. */
  #writeDown(model: NodeModel): void {
    const { store, log } = this.#options;
    try {
      store.setFact("node", JSON.stringify(model));
    } catch (error) {
      log(messageOf(error));
    }
  }
}

/** What an earlier agent of this node knew of it last. @throws StateError */
export function rememberedNode(store: StateStore, nodeName: string): NodeModel | undefined {
  const text = store.fact("node");
  const node = text === undefined ? undefined : (JSON.parse(text) as NodeModel);
  // Earlier agents have not written all of it.
  return node?.name === nodeName ? { ...node, internal: node.internal ?? Object.values(node.addresses) } : undefined;
}
