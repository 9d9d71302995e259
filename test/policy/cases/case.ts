// What a case of policies is: what is made and changed step by step, and who then reaches whom.

/** Any object of the API. */
type ApiObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly namespace?: string; readonly name: string };
  readonly spec: object;
};

/** The address of a pod like `x/a`, in the family in which it is asked. */
export type AddressOf = (pod: string) => string;

/**
 * Who reaches whom: rows by what is sent (`tcp/80`, `80`, `tcp` or `*`); the first key that fits counts. A row has its source
 * (a pod, all of a namespace, or `*`), and for x, y and z whether their pods a, b and c are reached: `x/a +++ ... +..`.
 * The first row that fits counts. A pod reaches itself, whatever its row says.
 */
export type Table = Readonly<Record<string, readonly string[]>>;

export type Step = {
  /** Policies that are created, or replace one of their name. Blocks of addresses need to know where pods are. */
  readonly make?: readonly ApiObject[] | ((addressOf: AddressOf) => readonly ApiObject[]);
  /** Names of policies that go: `x/name`, or `name` for one of the cluster. */
  readonly remove?: readonly string[];
  /** Labels that pods like `x/a` have from now on, in the place of all others. */
  readonly podLabels?: Readonly<Record<string, Labels>>;
  /** Labels that namespaces have from now on beside their name, in the place of all others. */
  readonly namespaceLabels?: Readonly<Record<string, Labels>>;
  readonly expect: Table;
};

export type Case = {
  readonly name: string;
  /** The tests elsewhere that ask the same. */
  readonly after: string;
  readonly steps: readonly Step[];
};

type Labels = Readonly<Record<string, string>>;

export const namespaces = ["x", "y", "z"] as const;
export const podNames = ["a", "b", "c"] as const;
export const ports = [80, 81] as const;
export const protocols = ["TCP", "UDP", "SCTP"] as const;

/** Where every case begins: nine pods that serve six ports each, `serve-80-tcp` to `serve-81-sctp`, labelled `pod: a`; namespaces labelled `ns: x`. */
export const pods: readonly string[] = namespaces.flatMap((namespace) =>
  podNames.map((name) => `${namespace}/${name}`),
);

export const initialPodLabels: Readonly<Record<string, Labels>> = Object.fromEntries(
  pods.map((pod) => [pod, { pod: pod.slice(2) }]),
);

export const initialNamespaceLabels: Readonly<Record<string, Labels>> = Object.fromEntries(
  namespaces.map((name) => [name, { ns: name }]),
);

export const containerPorts = ports.flatMap((port) =>
  protocols.map((protocol) => ({ name: `serve-${port}-${protocol.toLowerCase()}`, containerPort: port, protocol })),
);

/** A connection of a table. */
export type Cell = {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly protocol: (typeof protocols)[number];
};

/** Every connection between two pods; those of a pod with itself too. */
export const cells: readonly Cell[] = protocols.flatMap((protocol) =>
  ports.flatMap((port) => pods.flatMap((from) => pods.map((to) => ({ from, to, port, protocol })))),
);

/** What a table says of a connection. @throws RangeError when it says nothing */
export function expected(table: Table, { from, to, port, protocol }: Cell): boolean {
  if (from === to) return true;
  const word = protocol.toLowerCase();
  const keys = [`${word}/${port}`, String(port), word, "*"];
  const rows = Object.entries(table).find(([key]) => keys.includes(key))?.[1] ?? [];
  const row = rows.map((each) => each.split(/\s+/)).find(([source = ""]) => isSource(source, from));
  const mark = row?.slice(1).join("")[pods.indexOf(to)];
  if (mark !== "+" && mark !== ".") throw new RangeError(`No row says whether ${from} reaches ${to} ${word}/${port}`);
  return mark === "+";
}

function isSource(pattern: string, pod: string): boolean {
  if (pattern === "*" || pattern === pod) return true;
  return pattern.endsWith("/*") && pod.startsWith(pattern.slice(0, -1));
}

/** Everybody reaches everybody. */
export const open: readonly string[] = ["* +++ +++ +++"];

/** A NetworkPolicy. */
export function policy(name: string, spec: object): ApiObject {
  const [namespace = "", own = ""] = name.split("/");
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { namespace, name: own },
    spec,
  };
}

/** A ClusterNetworkPolicy about everybody, unless it says otherwise. */
export function clusterPolicy(name: string, tier: "Admin" | "Baseline", priority: number, spec: object): ApiObject {
  return {
    apiVersion: "policy.networking.k8s.io/v1alpha2",
    kind: "ClusterNetworkPolicy",
    metadata: { name },
    spec: { tier, priority, subject: { namespaces: {} }, ...spec },
  };
}

/** `{podSelector: {matchLabels: …}}` */
export function pod(name: string): { readonly podSelector: object } {
  return { podSelector: { matchLabels: { pod: name } } };
}

/** `{namespaceSelector: {matchLabels: …}}` */
export function ns(name: string): { readonly namespaceSelector: object } {
  return { namespaceSelector: { matchLabels: { ns: name } } };
}
