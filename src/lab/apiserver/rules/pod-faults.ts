// What is wrong with a pod or with the template of one, in Kubernetes' words.

import type { Container, PodSpec } from "kubernetes-types/core/v1";
import { sameJson } from "#base/same-json.ts";
import type { Pod } from "#kube/kinds.ts";
import type { Cause } from "#kube/kube-error.ts";
import {
  duplicateValue,
  forbiddenField,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from "#lab/apiserver/schema/cause.ts";
import { labelFaults, portFaults, portNameFaults } from "./names.ts";

export function podFaults(pod: Pod, old: Pod | undefined): readonly Cause[] {
  const spec = pod.spec ?? { containers: [] };
  return old === undefined ? podSpecFaults("spec", spec) : changeFaults(spec, old.spec ?? { containers: [] });
}

/** What is wrong with a pod's specification at a field path such as `spec.template.spec`. */
export function podSpecFaults(at: string, spec: PodSpec): readonly Cause[] {
  const { containers = [], initContainers = [], volumes = [], restartPolicy = "Always" } = spec;
  const named = [
    ...initContainers.map((container, index) => ({ container, field: `${at}.initContainers[${index}]` })),
    ...containers.map((container, index) => ({ container, field: `${at}.containers[${index}]` })),
  ];
  const policies = ["Always", "Never", "OnFailure"];
  return [
    ...(containers.length === 0 ? [requiredValue(`${at}.containers`)] : []),
    ...named.flatMap(({ container, field }, index) => [
      ...containerFaults(field, container, spec),
      ...(named.slice(0, index).some((other) => other.container.name === container.name)
        ? [duplicateValue(`${field}.name`, container.name)]
        : []),
    ]),
    ...volumes.flatMap(({ name }, index) => [
      ...labelFaults(`${at}.volumes[${index}].name`, name),
      ...(volumes.slice(0, index).some((other) => other.name === name)
        ? [duplicateValue(`${at}.volumes[${index}].name`, name)]
        : []),
    ]),
    ...hostPortFaults(at, containers),
    ...(policies.includes(restartPolicy) ? [] : [unsupportedValue(`${at}.restartPolicy`, restartPolicy, policies)]),
    ...(spec.hostname === undefined ? [] : labelFaults(`${at}.hostname`, spec.hostname)),
    ...(spec.subdomain === undefined ? [] : labelFaults(`${at}.subdomain`, spec.subdomain)),
    ...(spec.dnsPolicy === "None" && (spec.dnsConfig?.nameservers ?? []).length === 0
      ? [
          requiredValue(
            `${at}.dnsConfig.nameservers`,
            "must provide at least one DNS nameserver when `dnsPolicy` is None",
          ),
        ]
      : []),
  ];
}

function containerFaults(at: string, container: Container, { volumes = [], hostNetwork }: PodSpec): readonly Cause[] {
  const { name, image = "", ports = [], volumeMounts = [] } = container;
  return [
    ...(name === undefined || name === "" ? [requiredValue(`${at}.name`)] : labelFaults(`${at}.name`, name)),
    ...(image.trim() === "" ? [requiredValue(`${at}.image`)] : []),
    ...ports.flatMap((port, index) => {
      const field = `${at}.ports[${index}]`;
      const other = hostNetwork === true && port.hostPort !== undefined && port.hostPort !== port.containerPort;
      return [
        ...portFaults(`${field}.containerPort`, port.containerPort),
        ...portFaults(`${field}.hostPort`, port.hostPort === 0 ? undefined : port.hostPort),
        ...(port.name === undefined ? [] : portNameFaults(`${field}.name`, port.name)),
        ...(port.name !== undefined && ports.slice(0, index).some((before) => before.name === port.name)
          ? [duplicateValue(`${field}.name`, port.name)]
          : []),
        ...(other
          ? [
              invalidValue(
                `${field}.containerPort`,
                port.containerPort,
                "must match `hostPort` when `hostNetwork` is true",
              ),
            ]
          : []),
      ];
    }),
    ...volumeMounts.flatMap((mount, index) => {
      const field = `${at}.volumeMounts[${index}]`;
      const unknown = !volumes.some((volume) => volume.name === mount.name);
      const twice = volumeMounts.slice(0, index).some(({ mountPath }) => mountPath === mount.mountPath);
      return [
        ...(unknown
          ? [
              {
                reason: "FieldValueNotFound",
                message: `Not found: ${JSON.stringify(mount.name)}`,
                field: `${field}.name`,
              },
            ]
          : []),
        ...(twice ? [invalidValue(`${field}.mountPath`, mount.mountPath, "must be unique")] : []),
      ];
    }),
    ...probeFaults(at, container),
  ];
}

function probeFaults(at: string, container: Container): readonly Cause[] {
  return (["livenessProbe", "readinessProbe", "startupProbe"] as const).flatMap((name) => {
    const probe = container[name];
    if (probe === undefined) return [];
    const ways = [probe.exec, probe.httpGet, probe.tcpSocket, probe.grpc].filter((way) => way !== undefined);
    const field = `${at}.${name}`;
    if (ways.length === 0) return [requiredValue(field, "must specify a handler type")];
    const once = name !== "readinessProbe" && (probe.successThreshold ?? 1) !== 1;
    return [
      ...(ways.length > 1 ? [forbiddenField(field, "may not specify more than 1 handler type")] : []),
      ...(once ? [invalidValue(`${field}.successThreshold`, probe.successThreshold, "must be 1")] : []),
    ];
  });
}

function hostPortFaults(at: string, containers: readonly Container[]): readonly Cause[] {
  const seen = new Set<string>();
  return containers.flatMap(({ ports = [] }, index) =>
    ports.flatMap(({ hostPort = 0, hostIP = "", protocol = "TCP" }, port) => {
      const key = `${protocol}/${hostIP}/${hostPort}`;
      if (hostPort === 0) return [];
      if (seen.has(key)) return [duplicateValue(`${at}.containers[${index}].ports[${port}].hostPort`, key)];
      seen.add(key);
      return [];
    }),
  );
}

/** A pod that exists may only change its images, its deadline, and get more tolerations. */
function changeFaults(spec: PodSpec, old: PodSpec): readonly Cause[] {
  const frozen = ({
    containers = [],
    initContainers = [],
    tolerations: _,
    activeDeadlineSeconds: __,
    ...rest
  }: PodSpec) => ({
    ...rest,
    containers: containers.map(({ image: ___, ...container }) => container),
    initContainers: initContainers.map(({ image: ___, ...container }) => container),
    nodeName: old.nodeName ?? spec.nodeName,
    terminationGracePeriodSeconds: 0,
    ephemeralContainers: [],
    schedulingGates: [],
  });
  const kept = (old.tolerations ?? []).every((toleration) =>
    (spec.tolerations ?? []).some((other) => sameJson(toleration, other)),
  );
  if (kept && sameJson(frozen(spec), frozen(old))) return [];
  const may =
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
  return [forbiddenField("spec", may)];
}
