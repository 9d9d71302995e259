// The form of the tables in rows/: what is made and changed step by step, and who then reaches whom through services.

import type { EndpointSlice, Pod, Service } from "#kube/kinds.ts";
import type { KubeObject } from "#kube/object.ts";

/**
 * Who asks, what, and what comes of it. In all of them `{…}` stands for what is known only when the lab runs: `{a1}` the address of a
 * pod, `{node2}` of a node, `{client}` of the client outside, `{web}` of a service, each with `/6` for its IPv6 address; `{web:port}`
 * a service's node port, `{web:outer}` its balancer's address, `{web:health}` its port for balancers' questions.
 *
 * | from | several names: each asks |
 * | to | `tcp HOST PORT`, `udp HOST PORT`, `resolve NAME`; `keep NAME HOST PORT` and `say NAME` for a connected UDP socket that stays |
 * | answer | names of pods: exactly these answer; `one of` them: always the same; or how it fails: `refused`, `silent`, … ; of `resolve`, addresses |
 */
export type Ask = readonly [from: string, to: string, answer: string, details?: Details];

export type Details = {
  /** What the pod sees: `own` is the asker's address. */
  readonly client?: string;
  /** Of the HTTP request. */
  readonly path?: string;
  readonly status?: number;
  /** Fields of the answer. */
  readonly says?: Readonly<Record<string, unknown>>;
  /** Bytes of the datagram, or beside the request. */
  readonly size?: number;
  /** The canonical name, of `resolve`. */
  readonly name?: string;
};

/** As it is written, with `{…}` in it. */
export type Made = KubeObject;

export type Step = {
  readonly make?: readonly Made[];
  /** Merge patches, by `service web`, `slice web-1`, `pod b1`, `node node1`. */
  readonly change?: Readonly<Record<string, object>>;
  /** Named the same way; pods at once. */
  readonly remove?: readonly string[];
  /** Pods that are asked to end, and may take their time. */
  readonly end?: readonly string[];
  /** Seconds that pass before anybody asks. */
  readonly wait?: number;
  readonly ask?: readonly Ask[];
  /** Parts of sentences that agents say, by node; and that events of an object say. */
  readonly problems?: Readonly<Record<string, readonly string[]>>;
  readonly events?: Readonly<Record<string, string>>;
};

export type Row = {
  readonly title: string;
  readonly steps: readonly Step[];
  /** Only where nodes reach each other's pods without an overlay. */
  readonly direct?: boolean;
};

const namespace = "default";
type ServiceSpec = NonNullable<Service["spec"]>;

/** A service of port 80 that leads to port `http` of what it selects, where `spec` says nothing else. */
export function service(
  name: string,
  spec: ServiceSpec = {},
  annotations: Readonly<Record<string, string>> = {},
): Made {
  return {
    ...{ apiVersion: "v1", kind: "Service", metadata: { namespace, name, annotations: { ...annotations } } },
    spec: { ports: [web], ...spec },
  };
}

const web = { port: 80, targetPort: "http" } as const;

/** Pods with port `http` and `talk`, which speaks UDP. */
export const allPorts = [
  { name: "web", ...web },
  { name: "talk", port: 53, targetPort: "talk", protocol: "UDP" },
];

type Written = Partial<EndpointSlice> & { readonly endpoints: EndpointSlice["endpoints"] };

/** Endpoints that no controller has made: of port 8080, where `rest` says nothing else. */
export function slice(name: string, of: string, { endpoints, ...rest }: Written): Made {
  return {
    ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4", ports: [{ port: 8080 }] },
    metadata: { namespace, name, labels: { "kubernetes.io/service-name": of } },
    ...rest,
    endpoints,
  };
}

/** An endpoint at a pod of the lab. */
export function at(
  pod: string,
  rest: Partial<EndpointSlice["endpoints"][number]> = {},
): EndpointSlice["endpoints"][number] {
  const number = pod.at(-1) ?? "";
  return { addresses: [`{${pod}}`], nodeName: `node${number}`, ...rest };
}

export type PodWishes = {
  readonly node: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Port `http`; `talk` is one more. */
  readonly http?: number;
  readonly spec?: NonNullable<Pod["spec"]> | Readonly<Record<string, unknown>>;
  readonly container?: object;
};

/** A pod that tells who it is, by HTTP and by datagrams. Its labels have its own name and its first letter. */
export function pod(
  name: string,
  { node, labels = {}, annotations = {}, http = 8080, spec = {}, container = {} }: PodWishes,
): Made {
  const ports = [
    { name: "http", containerPort: http },
    { name: "talk", containerPort: http + 1, protocol: "UDP" },
  ];
  return {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: {
      ...{ namespace, name, annotations: { ...annotations } },
      labels: { name, app: name.replace(/\d+$/, ""), ...labels },
    },
    spec: { nodeName: `node${node}`, ...spec, containers: [{ name: "web", image: "web", ports, ...container }] },
  };
}
