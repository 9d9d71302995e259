// Lines of what connects pods: Services, their endpoints, policies, ingresses.

import type { Ingress, IngressClass } from "kubernetes-types/networking/v1";
import type { EndpointSlice, Endpoints, NetworkPolicy, Service } from "#kube/kinds.ts";
import type { Metadata } from "#kube/object.ts";
import { formatLabelSelector, selectorOf } from "#kube/selector.ts";
import { formatPlace } from "#model/service/frontend.ts";
import { ageOf } from "./age.ts";
import { list, pairs, type Sheet, sheet, some } from "./sheet.ts";

export const networkSheets: Readonly<Record<string, Sheet>> = {
  "/Service": sheet<Service>(
    ["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector wide"],
    (service, now) => [
      service.metadata.name,
      service.spec?.type ?? "ClusterIP",
      service.spec?.clusterIP ?? "<none>",
      externalAddresses(service),
      list(
        (service.spec?.ports ?? []).map(
          ({ port, nodePort, protocol = "TCP" }) =>
            `${port}${nodePort === undefined ? "" : `:${nodePort}`}/${protocol}`,
        ),
      ),
      ageOf(service.metadata.creationTimestamp, now),
      pairs(service.spec?.selector),
    ],
  ),
  "/Endpoints": sheet<Endpoints>(["Name", "Endpoints", "Age"], ({ metadata, subsets = [] }, now) => {
    const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
      addresses.flatMap(({ ip }) => (ports.length === 0 ? [ip] : ports.map(({ port }) => formatPlace(ip, port)))),
    );
    return [metadata.name, some(all, 3), ageOf(metadata.creationTimestamp, now)];
  }),
  "discovery.k8s.io/EndpointSlice": sheet<EndpointSlice>(
    ["Name", "AddressType", "Ports", "Endpoints", "Age"],
    ({ metadata, addressType, ports = [], endpoints }, now) => {
      const numbers = ports.map(({ port }) => String(port ?? "*"));
      const addresses = (endpoints ?? []).flatMap((endpoint) => endpoint.addresses);
      const unset = (text: string) => (text === "<none>" ? "<unset>" : text);
      return [
        metadata.name,
        addressType,
        unset(some(numbers, 3)),
        unset(some(addresses, 3)),
        ageOf(metadata.creationTimestamp, now),
      ];
    },
  ),
  "networking.k8s.io/NetworkPolicy": sheet<NetworkPolicy>(
    ["Name", "Pod-Selector", "Age"],
    ({ metadata, spec }, now) => {
      const selector = formatLabelSelector(selectorOf(spec?.podSelector ?? {}));
      return [metadata.name, selector === "" ? "<none>" : selector, ageOf(metadata.creationTimestamp, now)];
    },
  ),
  "networking.k8s.io/Ingress": sheet<Ingress & { metadata: Metadata }>(
    ["Name", "Class", "Hosts", "Address", "Ports", "Age"],
    ({ metadata, spec, status }, now) => {
      const hosts = (spec?.rules ?? []).flatMap(({ host }) => host ?? []);
      const addresses = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? "");
      return [
        metadata.name,
        spec?.ingressClassName ?? "<none>",
        hosts.length === 0 ? "*" : some(hosts, 3),
        addresses.join(","),
        (spec?.tls ?? []).length > 0 ? "80, 443" : "80",
        ageOf(metadata.creationTimestamp, now),
      ];
    },
  ),
  "networking.k8s.io/IngressClass": sheet<IngressClass & { metadata: Metadata }>(
    ["Name", "Controller", "Parameters", "Age"],
    ({ metadata, spec }, now) => {
      const { kind, name } = spec?.parameters ?? {};
      const parameters = kind === undefined ? "<none>" : `${kind}/${name}`;
      return [metadata.name, spec?.controller ?? "", parameters, ageOf(metadata.creationTimestamp, now)];
    },
  ),
};

function externalAddresses({ spec, status }: Service): string {
  const named = spec?.externalIPs ?? [];
  if (spec?.type === "ExternalName") return spec.externalName ?? "";
  if (spec?.type !== "LoadBalancer") return list(named);
  const given = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? "");
  const all = [...given, ...named];
  return all.length === 0 ? "<pending>" : all.join(",");
}
