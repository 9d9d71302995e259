// A pod as Twill sees it, and its translation from the Kubernetes object: a small row, for there are many.

import type { Pod } from "#kube/kinds.ts";
import { type Ip, parseIp } from "#net/ip.ts";
import { type DeclaredPort, declaredPorts, type Labels } from "./policy/party.ts";
import { type HostPort, hostPortsOf } from "./service/host-port.ts";
import { seesServices } from "./service/sees-services.ts";

export type PodModel = {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** What kubelets call a pod that comes from a file: the object of it at the API server has a `uid` of its own. */
  readonly fileUid: string | undefined;
  readonly labels: Labels;
  /** Its own, of both families; none before it has some, after it has ended, and in its node's network. */
  readonly addresses: readonly Ip[];
  readonly node: string | undefined;
  /** Of containers and sidecars, those that have names. */
  readonly ports: readonly DeclaredPort[];
  readonly hostPorts: readonly HostPort[];
  readonly createdMs: number;
  /** Whether it shares its node's network or has ended: nothing is said about it then. */
  readonly isApart: boolean;
  /** What `addressesAnnotation` says; undefined: nothing. */
  readonly wish: string | undefined;
  /** Its sockets are left alone; absent for most. */
  readonly seesServices?: true;
};

/** Addresses that a pod must have, at most one of each family, separated by commas: `10.244.1.7,fd00::7`. */
export const addressesAnnotation = "twill.dev/addresses";
/** Kubernetes API, "Well-Known Labels, Annotations and Taints". */
const fileAnnotation = "kubernetes.io/config.hash";

/** From Kubernetes' object; the only place that reads one. */
export function toPodModel(pod: Pod): PodModel {
  const { metadata, spec, status } = pod;
  const { namespace = "default", name, uid = "", annotations = {}, labels = {}, creationTimestamp = "" } = metadata;
  const isApart = spec?.hostNetwork === true || status?.phase === "Succeeded" || status?.phase === "Failed";
  const texts = status?.podIPs?.map(({ ip }) => ip) ?? [status?.podIP];
  return {
    ...{ namespace, name, uid, labels, isApart },
    fileUid: annotations[fileAnnotation],
    addresses: isApart ? [] : texts.flatMap((text) => (text === undefined ? [] : (parseIp(text) ?? []))),
    node: spec?.nodeName,
    ports: shared(
      declaredPorts(pod).filter((port) => port.name !== ""),
      noPorts,
    ),
    hostPorts: shared(hostPortsOf(pod), noHostPorts),
    createdMs: Date.parse(creationTimestamp) || 0,
    wish: annotations[addressesAnnotation],
    ...(seesServices(pod) ? { seesServices: true } : {}),
  };
}

const noPorts: readonly DeclaredPort[] = [];
const noHostPorts: readonly HostPort[] = [];

/** Most pods have none of something. */
function shared<T>(list: readonly T[], none: readonly T[]): readonly T[] {
  return list.length === 0 ? none : list;
}

/** Whether a runtime means this pod by a `uid`; "" means any. */
export function hasUid({ uid, fileUid }: Pick<PodModel, "uid" | "fileUid">, wanted: string): boolean {
  return wanted === "" || wanted === uid || wanted === fileUid;
}
