// The environment of a container: service variables, envFrom and env, with fields, resources, ConfigMaps and Secrets resolved.

import type { Container, EnvVar } from "kubernetes-types/core/v1";
import type { Pod, Service } from "#kube/kinds.ts";
import { expand } from "./expand.ts";
import { fieldOf, type NodeFacts, resourceOf } from "./fields.ts";

/** What a ConfigMap or a Secret holds, by key. */
export type Data = ReadonlyMap<string, Uint8Array>;

/** The ConfigMaps and Secrets of a pod's namespace; undefined when there is no such object. */
export type Sources = {
  readonly configMap: (name: string) => Data | undefined;
  readonly secret: (name: string) => Data | undefined;
};

/** A container that cannot start as long as what it refers to is missing: CreateContainerConfigError. */
export class ConfigError extends Error {
  readonly code = "CONFIG";
}

export type Variable = readonly [name: string, value: string];

/**
 * All variables in the order of their meaning: a later one of the same name wins, and `$(NAME)` sees those before it.
 * @throws ConfigError
 */
export function environmentOf(
  pod: Pod,
  container: Container,
  node: NodeFacts,
  services: readonly Service[],
  sources: Sources,
): readonly Variable[] {
  const variables = new Map<string, string>(node.defaults);
  for (const [name, value] of serviceVariables(pod, services)) variables.set(name, value);
  for (const { prefix = "", configMapRef, secretRef } of container.envFrom ?? []) {
    const [kind, reference] =
      configMapRef === undefined ? (["secret", secretRef] as const) : (["configMap", configMapRef] as const);
    const data = sources[kind](reference?.name ?? "");
    if (data === undefined && reference?.optional !== true) throw missing(kind, reference?.name ?? "");
    for (const [key, value] of data ?? []) variables.set(`${prefix}${key}`, textOf(value));
  }
  for (const each of container.env ?? []) {
    const value = resolve(each, pod, container, node, sources, variables);
    if (value !== undefined) variables.set(each.name, value);
  }
  return [...variables];
}

function resolve(
  { name, value, valueFrom }: EnvVar,
  pod: Pod,
  container: Container,
  node: NodeFacts,
  sources: Sources,
  before: ReadonlyMap<string, string>,
): string | undefined {
  if (valueFrom === undefined) return expand(value ?? "", before);
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef !== undefined) {
    const field = fieldOf(pod, fieldRef.fieldPath, node);
    if (field === undefined)
      throw new ConfigError(`Cannot set variable ${name}: field ${fieldRef.fieldPath} is none that pods have`);
    return field;
  }
  if (resourceFieldRef !== undefined) return resourceOf(pod, container, resourceFieldRef, node);
  const [kind, reference] =
    configMapKeyRef === undefined ? (["secret", secretKeyRef] as const) : (["configMap", configMapKeyRef] as const);
  if (reference === undefined) return "";
  const data = sources[kind](reference.name ?? "");
  const found = data?.get(reference.key);
  if (found !== undefined) return textOf(found);
  if (reference.optional === true) return undefined;
  if (data === undefined) throw missing(kind, reference.name ?? "");
  throw new ConfigError(
    `couldn't find key ${reference.key} in ${kindName(kind)} ${pod.metadata.namespace}/${reference.name}`,
  );
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function missing(kind: keyof Sources, name: string): ConfigError {
  return new ConfigError(`${kindName(kind).toLowerCase()} "${name}" not found`);
}

function kindName(kind: keyof Sources): string {
  return kind === "secret" ? "Secret" : "ConfigMap";
}

/** Of the pod's own namespace, and of `default/kubernetes`, in the form of Docker's links. */
function serviceVariables(pod: Pod, services: readonly Service[]): readonly Variable[] {
  return services
    .filter((service) => isVisible(pod, service))
    .flatMap((service) => {
      const { clusterIP = "", ports = [] } = service.spec ?? {};
      const [first] = ports;
      if (clusterIP === "" || clusterIP === "None" || first === undefined) return [];
      const prefix = variableName(service.metadata.name);
      const host = clusterIP.includes(":") ? `[${clusterIP}]` : clusterIP;
      return [
        [`${prefix}_SERVICE_HOST`, clusterIP],
        [`${prefix}_SERVICE_PORT`, String(first.port)],
        ...ports.flatMap(({ name, port }) =>
          name === undefined || name === ""
            ? []
            : [[`${prefix}_SERVICE_PORT_${variableName(name)}`, String(port)] as const],
        ),
        [`${prefix}_PORT`, `${(first.protocol ?? "TCP").toLowerCase()}://${host}:${first.port}`],
        ...ports.flatMap(({ port, protocol = "TCP" }): Variable[] => {
          const each = `${prefix}_PORT_${port}_${protocol}`;
          const word = protocol.toLowerCase();
          return [
            [each, `${word}://${host}:${port}`],
            [`${each}_PROTO`, word],
            [`${each}_PORT`, String(port)],
            [`${each}_ADDR`, clusterIP],
          ];
        }),
      ] satisfies readonly Variable[];
    });
}

function isVisible(pod: Pod, { metadata }: Service): boolean {
  if (metadata.namespace === "default" && metadata.name === "kubernetes") return true;
  return pod.spec?.enableServiceLinks !== false && metadata.namespace === pod.metadata.namespace;
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}
