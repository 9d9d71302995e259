// Cluster DNS as every cluster has it: a Deployment `coredns` behind the Service `kube-dns`, and what its account may see.

import type { Container, PodSpec } from "kubernetes-types/core/v1";
import type { Draft } from "#kube/client.ts";
import type { Deployment, Service } from "#kube/kinds.ts";
import type { KubeObject } from "#kube/object.ts";
import { deployments, type Resource, serviceAccounts, services } from "#kube/resource.ts";
import { rbacResource } from "#lab/apiserver/authz/bootstrap-roles.ts";
import { rbacGroup } from "#lab/apiserver/authz/rbac-index.ts";
import { dnsPorts } from "#lab/dns/ports.ts";
import { controlAddress, dnsAddress } from "#lab/fabric/addresses.ts";
import { familiesOf, type LabSpec, labProxyName } from "#lab/spec.ts";
import { apiPort } from "#lab/world/credentials.ts";
import { otherProxyLabel } from "#model/service/service.ts";

const namespace = "kube-system";
const name = "coredns";
const role = `system:${name}`;
/** By which policies know it, in every cluster. */
const labels = { "k8s-app": "kube-dns" };
const replicas = 2;

export const dnsDeployment = { namespace, name } as const;
export const dnsServiceName = "kube-dns";

/** In the order to make them in. */
export function clusterDns(spec: LabSpec): readonly (readonly [Resource, Draft<KubeObject>])[] {
  return [
    [serviceAccounts, { metadata: { namespace, name } }],
    [rbacResource("ClusterRole"), { metadata: { name: role }, rules }],
    [rbacResource("ClusterRoleBinding"), { metadata: { name: role }, roleRef, subjects }],
    [services, service(spec)],
    [deployments, deployment(spec)],
  ];
}

const rules = [
  { apiGroups: [""], resources: ["services", "namespaces"], verbs: ["list", "watch"] },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
];
const roleRef = { apiGroup: rbacGroup, kind: "ClusterRole", name: role };
const subjects = [{ kind: "ServiceAccount", namespace, name }];

function service({ family, services: servedBy }: LabSpec): Draft<Service> {
  const clusterIPs = familiesOf(family).map((each) => dnsAddress[each]);
  const [clusterIP = ""] = clusterIPs;
  const whose = servedBy === "none" ? { [otherProxyLabel]: labProxyName } : {};
  return {
    metadata: {
      namespace,
      name: dnsServiceName,
      labels: { ...labels, "kubernetes.io/name": "CoreDNS", "kubernetes.io/cluster-service": "true", ...whose },
    },
    spec: {
      ...{ type: "ClusterIP", clusterIP, clusterIPs, selector: labels },
      ipFamilyPolicy: clusterIPs.length > 1 ? "RequireDualStack" : "SingleStack",
      ports: [
        { name: "dns", protocol: "UDP", port: dnsPorts.dns, targetPort: "dns" },
        { name: "dns-tcp", protocol: "TCP", port: dnsPorts.dns, targetPort: "dns-tcp" },
        { name: "metrics", protocol: "TCP", port: dnsPorts.metrics, targetPort: "metrics" },
      ],
    },
  };
}

function deployment(spec: LabSpec): Draft<Deployment> {
  return {
    metadata: { namespace, name, labels: { ...labels, "kubernetes.io/name": "CoreDNS" } },
    spec: {
      replicas,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } },
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: podSpec(spec) },
    },
  };
}

function podSpec({ family }: LabSpec): PodSpec {
  return {
    serviceAccountName: name,
    priorityClassName: "system-cluster-critical",
    // Names outside of the cluster are asked of the node's own name server.
    dnsPolicy: "Default",
    tolerations: [{ key: "CriticalAddonsOnly", operator: "Exists" }],
    // Not both to the node that is Ready first.
    topologySpreadConstraints: [
      {
        ...{ maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "DoNotSchedule" },
        labelSelector: { matchLabels: labels },
      },
    ],
    containers: [container(family)],
  };
}

function container(family: LabSpec["family"]): Container {
  const [first = "ipv4"] = familiesOf(family);
  return {
    name,
    image: "lab/dns",
    // At its own address: who serves services may need names itself.
    env: [
      { name: "KUBERNETES_SERVICE_HOST", value: controlAddress[first] },
      { name: "KUBERNETES_SERVICE_PORT", value: String(apiPort) },
    ],
    ports: [
      { name: "dns", protocol: "UDP", containerPort: dnsPorts.dns },
      { name: "dns-tcp", protocol: "TCP", containerPort: dnsPorts.dns },
      { name: "metrics", protocol: "TCP", containerPort: dnsPorts.metrics },
    ],
    livenessProbe: { httpGet: { path: "/health", port: dnsPorts.health }, timeoutSeconds: 5, failureThreshold: 5 },
    readinessProbe: { httpGet: { path: "/ready", port: dnsPorts.ready }, timeoutSeconds: 5 },
  };
}
