// Pods: what the API server and its admission fill in, and what is wrong with one.

import type { Container, PodSpec, Toleration } from "kubernetes-types/core/v1";
import type { Pod } from "#kube/kinds.ts";
import type { KubeObject } from "#kube/object.ts";
import type { RuleContext, Rules } from "#lab/apiserver/registry.ts";
import { podFaults } from "./pod-faults.ts";

export const podRules: Rules = {
  prepareCreate: (object, context) => prepareCreate(object as Pod, context),
  prepareUpdate: (object, old, { subresource }) =>
    subresource === "" ? keepPlaced(object as Pod, old as Pod) : object,
  validate: (object, old) => podFaults(object as Pod, old as Pod | undefined),
};

function prepareCreate(pod: Pod, { random, objects }: RuleContext): KubeObject {
  const given = podTemplateDefaults(pod.spec ?? { containers: [] });
  const { serviceAccountName = given.serviceAccount ?? "default" } = given;
  const spec: PodSpec = {
    ...given,
    serviceAccountName,
    serviceAccount: serviceAccountName,
    tolerations: withNodeTolerations(given.tolerations ?? []),
    preemptionPolicy: given.preemptionPolicy ?? "PreemptLowerPriority",
    priority: given.priority ?? 0,
  };
  const accounts = objects("", "serviceaccounts", pod.metadata.namespace ?? "");
  const account = accounts.find(({ metadata }) => metadata.name === serviceAccountName);
  const mounts =
    spec.automountServiceAccountToken ?? account?.["automountServiceAccountToken"] ?? serviceAccountName !== "default";
  return {
    ...pod,
    spec: mounts === true ? withToken(spec, random) : spec,
    status: { phase: "Pending", qosClass: qosClassOf(spec) },
  };
}

/** What a pod's specification has unless told, wherever it stands: in a pod or in a template. */
export function podTemplateDefaults(spec: PodSpec): PodSpec {
  const fill = (container: Container): Container => ({
    ...container,
    imagePullPolicy: container.imagePullPolicy ?? (isMoving(container.image ?? "") ? "Always" : "IfNotPresent"),
    ...(container.ports === undefined
      ? {}
      : {
          ports: container.ports.map((port) => ({
            ...port,
            // On the node's own network a port can only be the node's.
            ...(spec.hostNetwork === true ? { hostPort: port.hostPort ?? port.containerPort } : {}),
          })),
        }),
    ...withRequests(container),
  });
  return {
    ...spec,
    containers: (spec.containers ?? []).map(fill),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(fill) }),
  };
}

/** `web`, `web:latest`: the same name may be another image tomorrow. */
function isMoving(image: string): boolean {
  const name = image.slice(image.lastIndexOf("/") + 1);
  return !name.includes("@") && (!name.includes(":") || name.endsWith(":latest"));
}

/** A limit without a request is a request as well. */
function withRequests({ resources }: Container): Pick<Container, "resources"> {
  if (resources?.limits === undefined) return resources === undefined ? {} : { resources };
  return { resources: { ...resources, requests: { ...resources.limits, ...resources.requests } } };
}

const toleratedSeconds = 300;

/** Pods stay a while on a node that is in trouble (admission plugin DefaultTolerationSeconds). */
function withNodeTolerations(tolerations: readonly Toleration[]): Toleration[] {
  const keys = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
  const covers = (toleration: Toleration, key: string) =>
    (toleration.key === key || (toleration.key ?? "") === "") &&
    (toleration.effect === undefined || toleration.effect === "NoExecute");
  const missing = keys.filter((key) => !tolerations.some((toleration) => covers(toleration, key)));
  const added = missing.map((key) => ({
    key,
    operator: "Exists",
    effect: "NoExecute",
    tolerationSeconds: toleratedSeconds,
  }));
  return [...tolerations, ...added];
}

const tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount";
const suffixLetters = "bcdfghjklmnpqrstvwxz2456789";

/** The account's token, the authority and the namespace, as a volume in every container (admission plugin ServiceAccount). */
function withToken(spec: PodSpec, random: RuleContext["random"]): PodSpec {
  const suffix = [...random(new Uint8Array(5))].map((byte) => suffixLetters[byte % suffixLetters.length]).join("");
  const name = `kube-api-access-${suffix}`;
  const mounted = (container: Container): Container => {
    const volumeMounts = container.volumeMounts ?? [];
    if (volumeMounts.some(({ mountPath }) => mountPath === tokenPath)) return container;
    return { ...container, volumeMounts: [...volumeMounts, { name, mountPath: tokenPath, readOnly: true }] };
  };
  const sources = [
    { serviceAccountToken: { path: "token", expirationSeconds: 3607 } },
    { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
    {
      downwardAPI: { items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }] },
    },
  ];
  return {
    ...spec,
    containers: spec.containers.map(mounted),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(mounted) }),
    volumes: [...(spec.volumes ?? []), { name, projected: { sources, defaultMode: 0o644 } }],
  };
}

/** Kubernetes documentation, "Pod Quality of Service Classes". */
function qosClassOf({ containers, initContainers = [] }: PodSpec): string {
  const all = [...containers, ...initContainers].map(({ resources }) => resources ?? {});
  const names = ["cpu", "memory"];
  if (
    all.every(({ requests = {}, limits = {} }) =>
      [requests, limits].every((amounts) => Object.keys(amounts).length === 0),
    )
  ) {
    return "BestEffort";
  }
  const guaranteed = all.every(({ requests = {}, limits = {} }) =>
    names.every((name) => limits[name] !== undefined && (requests[name] ?? limits[name]) === limits[name]),
  );
  return guaranteed ? "Guaranteed" : "Burstable";
}

/** Where a pod runs was said by its binding: an update that leaves it out means that. */
function keepPlaced(pod: Pod, old: Pod): KubeObject {
  const { nodeName } = old.spec ?? {};
  if (nodeName === undefined || pod.spec?.nodeName !== undefined) return pod;
  return { ...pod, spec: { ...pod.spec, nodeName } };
}
