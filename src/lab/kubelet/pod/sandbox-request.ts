// What a pod asks of its sandbox and of the plugins of its network, as containerd words it.

import type { JsonObject } from "#cni/json.ts";
import type { Pod } from "#kube/kinds.ts";
import { parseQuantity } from "#kube/quantity.ts";
import type { SandboxRequest } from "#lab/kubelet/runtime/sandbox.ts";
import { type ClusterDns, hostnameOf, resolvConf } from "./resolver.ts";

export function sandboxRequest(pod: Pod, dns: ClusterDns): SandboxRequest {
  const { namespace = "default", name, uid = "" } = pod.metadata;
  const { hostNetwork, hostIPC, shareProcessNamespace, hostPID, securityContext } = pod.spec ?? {};
  return {
    uid,
    namespace,
    name,
    hostname: hostnameOf(pod),
    hostNetwork: hostNetwork === true,
    hostIPC: hostIPC === true,
    sharedProcesses: shareProcessNamespace === true && hostPID !== true,
    sysctls: (securityContext?.sysctls ?? []).map((each) => [each.name, each.value]),
    cniArgs: [
      ["IgnoreUnknown", "1"],
      ["K8S_POD_NAMESPACE", namespace],
      ["K8S_POD_NAME", name],
      ["K8S_POD_UID", uid],
    ],
    capabilityArgs: capabilityArgs(pod, dns),
  };
}

/** containerd hands Go structures without JSON names over: their keys are capitalised. */
export function capabilityArgs(pod: Pod, dns: ClusterDns): JsonObject {
  const { annotations = {} } = pod.metadata;
  const ports = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]
    .flatMap(({ ports = [] }) => ports)
    .filter(({ hostPort = 0 }) => hostPort > 0)
    .map(({ hostPort = 0, containerPort, protocol = "TCP", hostIP = "" }) => ({
      HostPort: hostPort,
      ContainerPort: containerPort,
      Protocol: protocol.toLowerCase(),
      HostIP: hostIP,
    }));
  const bandwidth = bandwidthOf(annotations);
  const ips = wordsOf(annotations["cni.projectcalico.org/ipAddrs"] ?? annotations["twill.dev/ips"]);
  const mac = annotations["twill.dev/mac"];
  return {
    ...(ports.length === 0 ? {} : { portMappings: ports }),
    ...(bandwidth === undefined ? {} : { bandwidth }),
    dns: dnsArgs(pod, dns),
    "io.kubernetes.cri.pod-annotations": annotations,
    ...(ips.length === 0 ? {} : { ips }),
    ...(mac === undefined ? {} : { mac }),
  };
}

/** As runtimes do: a burst that nobody limits. */
const unlimitedBurst = 2 ** 32 - 1;

function bandwidthOf(annotations: Readonly<Record<string, string>>): JsonObject | undefined {
  const ingress = parseQuantity(annotations["kubernetes.io/ingress-bandwidth"] ?? "");
  const egress = parseQuantity(annotations["kubernetes.io/egress-bandwidth"] ?? "");
  if (ingress === undefined && egress === undefined) return undefined;
  return {
    ...(ingress === undefined ? {} : { IngressRate: ingress, IngressBurst: unlimitedBurst }),
    ...(egress === undefined ? {} : { EgressRate: egress, EgressBurst: unlimitedBurst }),
  };
}

function dnsArgs(pod: Pod, dns: ClusterDns): JsonObject {
  const lines = resolvConf(pod, dns)
    .split("\n")
    .map((line) => line.split(" "));
  const after = (word: string) => lines.filter(([first]) => first === word).flatMap((line) => line.slice(1));
  return { Servers: after("nameserver"), Searches: after("search"), Options: after("options") };
}

/** `["10.0.0.7"]` as JSON, or words between commas. */
function wordsOf(text: string | undefined): readonly string[] {
  return (text ?? "")
    .replace(/[[\]"\s]/g, "")
    .split(",")
    .filter(Boolean);
}
