// The core group: pods, services, nodes, and what belongs to them.

import type { Verb } from "#lab/apiserver/registry.ts";
import { defineGroup, scale, statusOf } from "./define.ts";

const connect: readonly Verb[] = ["create", "get"];

export const core = defineGroup("", "v1", [
  {
    kind: "Pod",
    shortNames: ["po"],
    categories: ["all"],
    selectableFields: [
      "spec.nodeName",
      "spec.restartPolicy",
      "spec.schedulerName",
      "spec.serviceAccountName",
      "spec.hostNetwork",
      "status.phase",
      "status.podIP",
      "status.nominatedNodeName",
    ],
    subresources: [
      statusOf("Pod"),
      { name: "attach", kind: "PodAttachOptions", verbs: connect },
      { name: "binding", kind: "Binding", verbs: ["create"] },
      { name: "ephemeralcontainers", kind: "Pod", verbs: ["get", "patch", "update"] },
      { name: "eviction", kind: "Eviction", group: "policy", version: "v1", verbs: ["create"] },
      { name: "exec", kind: "PodExecOptions", verbs: connect },
      { name: "log", kind: "Pod", verbs: ["get"] },
      { name: "portforward", kind: "PodPortForwardOptions", verbs: connect },
    ],
  },
  {
    kind: "Service",
    shortNames: ["svc"],
    categories: ["all"],
    selectableFields: ["spec.clusterIP", "spec.type"],
    subresources: [statusOf("Service")],
  },
  {
    kind: "Namespace",
    shortNames: ["ns"],
    namespaced: false,
    verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
    selectableFields: ["status.phase"],
    subresources: [statusOf("Namespace"), { name: "finalize", kind: "Namespace", verbs: ["update"] }],
  },
  {
    kind: "Node",
    shortNames: ["no"],
    namespaced: false,
    selectableFields: ["spec.unschedulable"],
    subresources: [statusOf("Node")],
  },
  { kind: "ConfigMap", shortNames: ["cm"] },
  { kind: "Secret", selectableFields: ["type"] },
  {
    kind: "ServiceAccount",
    shortNames: ["sa"],
    subresources: [
      { name: "token", kind: "TokenRequest", group: "authentication.k8s.io", version: "v1", verbs: ["create"] },
    ],
  },
  { kind: "Endpoints", plural: "endpoints", shortNames: ["ep"] },
  {
    kind: "Event",
    shortNames: ["ev"],
    selectableFields: [
      "involvedObject.apiVersion",
      "involvedObject.fieldPath",
      "involvedObject.kind",
      "involvedObject.name",
      "involvedObject.namespace",
      "involvedObject.resourceVersion",
      "involvedObject.uid",
      "reason",
      "reportingComponent",
      "source",
      "type",
    ],
  },
  { kind: "ResourceQuota", shortNames: ["quota"], subresources: [statusOf("ResourceQuota")] },
  { kind: "LimitRange", shortNames: ["limits"] },
  { kind: "PersistentVolume", shortNames: ["pv"], namespaced: false, subresources: [statusOf("PersistentVolume")] },
  { kind: "PersistentVolumeClaim", shortNames: ["pvc"], subresources: [statusOf("PersistentVolumeClaim")] },
  {
    kind: "ReplicationController",
    shortNames: ["rc"],
    categories: ["all"],
    generation: true,
    selectableFields: ["status.replicas"],
    subresources: [statusOf("ReplicationController"), scale],
  },
  { kind: "PodTemplate" },
  { kind: "Binding", verbs: ["create"] },
]);
