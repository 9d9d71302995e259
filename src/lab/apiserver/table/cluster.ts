// Lines of the cluster itself: nodes, namespaces, configuration, storage, events, leases.

import type { Event, PersistentVolume, PersistentVolumeClaim, ResourceQuota } from "kubernetes-types/core/v1";
import type { PriorityClass } from "kubernetes-types/scheduling/v1";
import type { StorageClass } from "kubernetes-types/storage/v1";
import type { ConfigMap, Lease, Namespace, Node, Secret, ServiceAccount } from "#kube/kinds.ts";
import type { Metadata } from "#kube/object.ts";
import { ageOf } from "./age.ts";
import { list, type Sheet, sheet } from "./sheet.ts";

type With<T> = Omit<T, "metadata"> & { readonly metadata: Metadata };

const roleLabel = "node-role.kubernetes.io/";

export const clusterSheets: Readonly<Record<string, Sheet>> = {
  "/Node": sheet<Node>(
    [
      "Name",
      "Status",
      "Roles",
      "Age",
      "Version",
      "Internal-IP wide",
      "External-IP wide",
      "OS-Image wide",
      "Kernel-Version wide",
      "Container-Runtime wide",
    ],
    ({ metadata, spec, status }, now) => {
      const info = status?.nodeInfo;
      const roles = Object.keys(metadata.labels ?? {})
        .filter((label) => label.startsWith(roleLabel))
        .map((label) => label.slice(roleLabel.length));
      const ready = status?.conditions?.find(({ type }) => type === "Ready");
      const word = ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
      const addressOf = (type: string) =>
        status?.addresses?.find((address) => address.type === type)?.address ?? "<none>";
      return [
        metadata.name,
        spec?.unschedulable === true ? `${word},SchedulingDisabled` : word,
        list(roles),
        ageOf(metadata.creationTimestamp, now),
        info?.kubeletVersion ?? "",
        addressOf("InternalIP"),
        addressOf("ExternalIP"),
        info?.osImage ?? "<unknown>",
        info?.kernelVersion ?? "<unknown>",
        info?.containerRuntimeVersion ?? "<unknown>",
      ];
    },
  ),
  "/Namespace": sheet<Namespace>(["Name", "Status", "Age"], ({ metadata, status }, now) => [
    metadata.name,
    status?.phase ?? "Active",
    ageOf(metadata.creationTimestamp, now),
  ]),
  "/ConfigMap": sheet<ConfigMap>(["Name", "Data number", "Age"], ({ metadata, data = {}, binaryData = {} }, now) => [
    metadata.name,
    Object.keys(data).length + Object.keys(binaryData).length,
    ageOf(metadata.creationTimestamp, now),
  ]),
  "/Secret": sheet<Secret>(["Name", "Type", "Data number", "Age"], ({ metadata, type = "Opaque", data = {} }, now) => [
    metadata.name,
    type,
    Object.keys(data).length,
    ageOf(metadata.creationTimestamp, now),
  ]),
  "/ServiceAccount": sheet<ServiceAccount>(["Name", "Secrets number", "Age"], ({ metadata, secrets = [] }, now) => [
    metadata.name,
    secrets.length,
    ageOf(metadata.creationTimestamp, now),
  ]),
  "/Event": sheet<With<Event>>(
    [
      "Last Seen",
      "Type",
      "Reason",
      "Object",
      "Subobject wide",
      "Source wide",
      "Message",
      "First Seen wide",
      "Count wide",
      "Name wide",
    ],
    ({ metadata, involvedObject, type, reason, message, source, count, ...event }, now) => {
      const first = event.firstTimestamp ?? event.eventTime ?? metadata.creationTimestamp;
      const last = event.series?.lastObservedTime ?? event.lastTimestamp ?? first;
      return [
        ageOf(last, now),
        type ?? "",
        reason ?? "",
        `${(involvedObject?.kind ?? "").toLowerCase()}/${involvedObject?.name ?? ""}`,
        involvedObject?.fieldPath ?? "",
        [source?.component, source?.host].filter((part) => part !== undefined && part !== "").join(", "),
        (message ?? "").trim(),
        ageOf(first, now),
        event.series?.count ?? count ?? 1,
        metadata.name,
      ];
    },
  ),
  "/ResourceQuota": sheet<With<ResourceQuota>>(["Name", "Request", "Limit", "Age"], ({ metadata, status }, now) => {
    const [limits, requests] = [true, false].map((wanted) =>
      Object.entries(status?.hard ?? {})
        .filter(([name]) => name.startsWith("limits.") === wanted)
        .map(([name, hard]) => `${name}: ${status?.used?.[name] ?? 0}/${hard}`)
        .join(", "),
    );
    return [metadata.name, requests, limits, ageOf(metadata.creationTimestamp, now)];
  }),
  "/PersistentVolume": sheet<With<PersistentVolume>>(
    [
      "Name",
      "Capacity",
      "Access Modes",
      "Reclaim Policy",
      "Status",
      "Claim",
      "StorageClass",
      "Reason",
      "Age",
      "VolumeMode wide",
    ],
    ({ metadata, spec, status }, now) => [
      metadata.name,
      spec?.capacity?.["storage"] ?? "",
      accessModes(spec?.accessModes),
      spec?.persistentVolumeReclaimPolicy ?? "",
      status?.phase ?? "",
      spec?.claimRef === undefined ? "" : `${spec.claimRef.namespace}/${spec.claimRef.name}`,
      spec?.storageClassName ?? "",
      status?.reason ?? "",
      ageOf(metadata.creationTimestamp, now),
      spec?.volumeMode ?? "<unset>",
    ],
  ),
  "/PersistentVolumeClaim": sheet<With<PersistentVolumeClaim>>(
    ["Name", "Status", "Volume", "Capacity", "Access Modes", "StorageClass", "Age", "VolumeMode wide"],
    ({ metadata, spec, status }, now) => [
      metadata.name,
      status?.phase ?? "",
      spec?.volumeName ?? "",
      status?.capacity?.["storage"] ?? "",
      accessModes(status?.accessModes),
      spec?.storageClassName ?? "",
      ageOf(metadata.creationTimestamp, now),
      spec?.volumeMode ?? "<unset>",
    ],
  ),
  "storage.k8s.io/StorageClass": sheet<With<StorageClass>>(
    ["Name", "Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion", "Age"],
    ({ metadata, provisioner, reclaimPolicy, volumeBindingMode, allowVolumeExpansion }, now) => [
      metadata.name,
      provisioner,
      reclaimPolicy ?? "Delete",
      volumeBindingMode ?? "Immediate",
      allowVolumeExpansion ?? false,
      ageOf(metadata.creationTimestamp, now),
    ],
  ),
  "scheduling.k8s.io/PriorityClass": sheet<With<PriorityClass>>(
    ["Name", "Value number", "Global-Default", "Age", "PreemptionPolicy"],
    ({ metadata, value, globalDefault, preemptionPolicy }, now) => [
      metadata.name,
      value,
      globalDefault ?? false,
      ageOf(metadata.creationTimestamp, now),
      preemptionPolicy ?? "PreemptLowerPriority",
    ],
  ),
  "coordination.k8s.io/Lease": sheet<Lease>(["Name", "Holder", "Age"], ({ metadata, spec }, now) => [
    metadata.name,
    spec?.holderIdentity ?? "",
    ageOf(metadata.creationTimestamp, now),
  ]),
};

const modes: Readonly<Record<string, string>> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};

function accessModes(names: readonly string[] = []): string {
  return names.map((name) => modes[name] ?? name).join(",");
}
