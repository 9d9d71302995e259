// What cluster DNS answers: the records of services, their endpoints and pods, by the published schema (version 1.1.0).

import type { Answer } from "dns-packet";
import type { EndpointSlice, Service } from "#kube/kinds.ts";
import type { ClusterView } from "#lab/cluster-view.ts";
import { parseIp } from "#net/ip.ts";
import { type ReverseName, reverseAddress } from "./reverse.ts";

/** What is known of the cluster; all of it is read when a question comes. */
export type ClusterNames = {
  /** `cluster.local` */
  readonly domain: string;
  readonly service: (namespace: string, name: string) => Service | undefined;
  readonly slicesOf: (service: Service) => readonly EndpointSlice[];
  readonly hasNamespace: (name: string) => boolean;
  /** Whose address this is: for reverse look-ups. */
  readonly servicesAt: (address: string) => readonly Service[];
};

/** The names of the cluster as the view has it at the moment of each question. */
export function namesOf(view: ClusterView, domain: string): ClusterNames {
  return {
    domain,
    service: (namespace, name) => view.service(`${namespace}/${name}`),
    slicesOf: ({ metadata: { namespace, name } }) => view.slicesOf(`${namespace}/${name}`),
    hasNamespace: (name) => view.hasNamespace(name),
    servicesAt: (address) => view.servicesAt(address),
  };
}

/** What a name stands for. `missing` is NXDOMAIN; `elsewhere` is for the upstream server; `alias` goes on with its target. */
export type Found =
  | { readonly found: "records"; readonly answers: readonly Answer[]; readonly additionals: readonly Answer[] }
  | { readonly found: "alias"; readonly answer: Answer; readonly target: string }
  | { readonly found: "missing" }
  | { readonly found: "elsewhere" };

/** Records of the cluster change with every pod: nobody may keep them for long. */
const ttlSeconds = 5;
const missing: Found = { found: "missing" };
const elsewhere: Found = { found: "elsewhere" };

function records(answers: readonly Answer[], additionals: readonly Answer[] = []): Found {
  return { found: "records", answers, additionals };
}

/** Looks a name up, as asked for: the records carry it in the same case. `type` is a record type such as `AAAA`. */
export function lookUp(question: string, type: string, names: ClusterNames): Found {
  const name = question.toLowerCase().replace(/\.$/, "");
  const reverse = reverseAddress(name);
  if (reverse !== undefined) return pointer(question, type, reverse, names);
  if (name !== names.domain && !name.endsWith(`.${names.domain}`)) return elsewhere;
  const labels = name === names.domain ? [] : name.slice(0, -names.domain.length - 1).split(".");
  const kind = labels.pop();
  if (kind === undefined) return records([]);
  if (kind === "dns-version" && labels.length === 0) {
    return records(type === "TXT" ? [{ type: "TXT", name: question, ttl: ttlSeconds, data: "1.1.0" }] : []);
  }
  const namespace = labels.pop();
  if (kind === "svc")
    return namespace === undefined ? records([]) : inServices(question, type, namespace, labels, names);
  if (kind === "pod" && namespace !== undefined) return podRecord(question, type, namespace, labels, names);
  return missing;
}

function inServices(
  question: string,
  type: string,
  namespace: string,
  labels: readonly string[],
  names: ClusterNames,
): Found {
  const serviceName = labels.at(-1);
  if (serviceName === undefined) return names.hasNamespace(namespace) ? records([]) : missing;
  const service = names.service(namespace, serviceName);
  if (service === undefined) return missing;
  const rest = labels.slice(0, -1);
  const { externalName } = service.spec ?? {};
  if (service.spec?.type === "ExternalName" && externalName !== undefined) {
    if (rest.length > 0) return missing;
    const answer = { type: "CNAME", name: question, ttl: ttlSeconds, data: externalName } as const;
    return { found: "alias", answer, target: externalName };
  }
  const hosts = hostsOf(service, names);
  const [first = "", second = ""] = rest;
  if (rest.length === 0) {
    if (type === "SRV") return serverRecords(question, hosts, () => true);
    return records(addressRecords(question, type, hosts));
  }
  if (rest.length === 1 && !first.startsWith("_")) {
    const host = hosts.filter(({ label }) => label === first);
    return host.length === 0 ? missing : records(addressRecords(question, type, host));
  }
  if (rest.length !== 2 || !first.startsWith("_") || !second.startsWith("_")) return missing;
  const wanted = (port: HostPort) => port.name === first.slice(1) && port.protocol === second.slice(1);
  if (!hosts.some(({ ports }) => ports.some(wanted))) return missing;
  return type === "SRV" ? serverRecords(question, hosts, wanted) : records([]);
}

type HostPort = { readonly name: string; readonly protocol: string; readonly port: number };

/** A target of a service's records: the service itself, or one endpoint of a headless service. */
type Host = {
  /** Under the service's name; undefined for the service itself. */
  readonly label: string | undefined;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly ports: readonly HostPort[];
};

function hostsOf(service: Service, names: ClusterNames): readonly Host[] {
  const { namespace, name } = service.metadata;
  const base = `${name}.${namespace}.svc.${names.domain}`;
  const { clusterIP, clusterIPs = clusterIP === undefined ? [] : [clusterIP], ports = [] } = service.spec ?? {};
  if (clusterIP !== "None") {
    const own = ports.map((port) => hostPort(port.name, port.protocol, port.port));
    return [{ label: undefined, name: base, addresses: clusterIPs.filter((ip) => ip !== ""), ports: own }];
  }
  return names.slicesOf(service).flatMap((slice) => {
    const open = (slice.ports ?? []).map((port) => hostPort(port.name, port.protocol, port.port ?? 0));
    return slice.endpoints
      .filter(({ conditions }) => conditions?.ready !== false)
      .map(({ hostname, addresses }): Host => {
        const label = hostname ?? dashed(addresses[0] ?? "");
        return { label, name: `${label}.${base}`, addresses, ports: open };
      });
  });
}

function hostPort(name = "", protocol = "TCP", port = 0): HostPort {
  return { name, protocol: protocol.toLowerCase(), port };
}

/** `10.244.1.7` as a label: `10-244-1-7`. */
function dashed(address: string): string {
  return address.replaceAll(/[.:]/g, "-");
}

function addressRecords(question: string, type: string, hosts: readonly Host[]): readonly Answer[] {
  if (type !== "A" && type !== "AAAA") return [];
  return hosts
    .flatMap(({ addresses }) => addresses)
    .filter((address) => address.includes(":") === (type === "AAAA"))
    .map((data) => ({ type, name: question, ttl: ttlSeconds, data }));
}

/** Each host with each port, and the addresses of the hosts beside them. */
function serverRecords(question: string, hosts: readonly Host[], wanted: (port: HostPort) => boolean): Found {
  const weight = Math.max(1, Math.floor(100 / Math.max(1, hosts.length)));
  const answers = hosts.flatMap(({ name, ports }) =>
    ports.filter(wanted).map(({ port }): Answer => {
      return { type: "SRV", name: question, ttl: ttlSeconds, data: { priority: 0, weight, port, target: name } };
    }),
  );
  const additionals = hosts.flatMap((host) => ["A", "AAAA"].flatMap((type) => addressRecords(host.name, type, [host])));
  return records(answers, additionals);
}

/** `10-244-1-7.shop.pod.cluster.local`: the address is in the name; whether a pod has it is not checked. */
function podRecord(
  question: string,
  type: string,
  namespace: string,
  labels: readonly string[],
  names: ClusterNames,
): Found {
  const [label] = labels;
  if (!names.hasNamespace(namespace)) return missing;
  if (label === undefined) return records([]);
  const address =
    labels.length === 1 ? (parseIp(label.replaceAll("-", ".")) ?? parseIp(label.replaceAll("-", ":"))) : undefined;
  if (address === undefined) return missing;
  const host: Host = { label, name: question, addresses: [address], ports: [] };
  return records(addressRecords(question, type, [host]));
}

function pointer(question: string, type: string, reverse: ReverseName, names: ClusterNames): Found {
  if (reverse.address === undefined) return elsewhere;
  const services = names.servicesAt(reverse.address);
  const hosts = services.flatMap((service) => hostsOf(service, names));
  const targets = hosts.filter(({ addresses }) => addresses.includes(reverse.address ?? ""));
  if (targets.length === 0) return elsewhere;
  const answers = targets.map(({ name }): Answer => ({ type: "PTR", name: question, ttl: ttlSeconds, data: name }));
  return records(type === "PTR" ? answers : []);
}
