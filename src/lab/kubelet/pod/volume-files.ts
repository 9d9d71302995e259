// The files of volumes that hold text of the API: ConfigMaps, Secrets, downward fields and service account tokens.

import type { DownwardAPIVolumeFile, KeyToPath, Volume, VolumeProjection } from "kubernetes-types/core/v1";
import type { Pod } from "#kube/kinds.ts";
import { ConfigError, type Data, type Sources } from "./environment.ts";
import { fieldOf, type NodeFacts, resourceOf } from "./fields.ts";

export type VolumeFile = { readonly bytes: Uint8Array; readonly mode: number };

/** Files by their path within the volume. */
export type VolumeFiles = ReadonlyMap<string, VolumeFile>;

/** Service account tokens that were asked for, by their path within the volume. */
export type Tokens = ReadonlyMap<string, string>;

const usualMode = 0o644;

/** Undefined for a volume whose files are not the API's: an empty folder, a folder of the node. @throws ConfigError */
export function volumeFiles(
  pod: Pod,
  volume: Volume,
  node: NodeFacts,
  sources: Sources,
  tokens: Tokens,
): VolumeFiles | undefined {
  const { configMap, secret, downwardAPI, projected } = volume;
  const context = { pod, node, sources, tokens };
  if (configMap !== undefined) {
    return new Map(projectionFiles({ configMap }, configMap.defaultMode ?? usualMode, context));
  }
  if (secret !== undefined) {
    const { secretName, ...rest } = secret;
    const named = { ...rest, ...(secretName === undefined ? {} : { name: secretName }) };
    return new Map(projectionFiles({ secret: named }, secret.defaultMode ?? usualMode, context));
  }
  if (downwardAPI !== undefined)
    return new Map(projectionFiles({ downwardAPI }, downwardAPI.defaultMode ?? usualMode, context));
  if (projected === undefined) return undefined;
  const mode = projected.defaultMode ?? usualMode;
  return new Map((projected.sources ?? []).flatMap((source) => projectionFiles(source, mode, context)));
}

type Context = { readonly pod: Pod; readonly node: NodeFacts; readonly sources: Sources; readonly tokens: Tokens };
type Entry = readonly [path: string, file: VolumeFile];

function projectionFiles(source: VolumeProjection, mode: number, context: Context): readonly Entry[] {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap !== undefined) {
    const { name = "", items, optional } = configMap;
    return keyed(`configmap "${name}"`, context.sources.configMap(name), items, optional === true, mode);
  }
  if (secret !== undefined) {
    const { name = "", items, optional } = secret;
    return keyed(`secret "${name}"`, context.sources.secret(name), items, optional === true, mode);
  }
  if (serviceAccountToken !== undefined) {
    const token = context.tokens.get(serviceAccountToken.path) ?? "";
    return [[serviceAccountToken.path, { bytes: new TextEncoder().encode(token), mode: 0o600 | (mode & 0o644) }]];
  }
  return (downwardAPI?.items ?? []).map((item) => downward(item, mode, context));
}

function keyed(
  what: string,
  data: Data | undefined,
  items: readonly KeyToPath[] | undefined,
  optional: boolean,
  mode: number,
): readonly Entry[] {
  if (data === undefined && !optional) throw new ConfigError(`${what} not found`);
  if (items === undefined) return [...(data ?? [])].map(([key, bytes]) => [key, { bytes, mode }]);
  return items.flatMap(({ key, path, mode: own }): readonly Entry[] => {
    const bytes = data?.get(key);
    if (bytes !== undefined) return [[path, { bytes, mode: own ?? mode }]];
    if (optional) return [];
    throw new ConfigError(`${what} references non-existent key: ${key}`);
  });
}

function downward(
  { path, fieldRef, resourceFieldRef, mode: own }: DownwardAPIVolumeFile,
  mode: number,
  { pod, node }: Context,
): Entry {
  const [container] = pod.spec?.containers ?? [];
  const text =
    fieldRef !== undefined
      ? fieldOf(pod, fieldRef.fieldPath, node)
      : resourceFieldRef !== undefined && container !== undefined
        ? resourceOf(pod, container, resourceFieldRef, node)
        : undefined;
  if (text === undefined)
    throw new ConfigError(`Cannot write ${path}: ${fieldRef?.fieldPath ?? "its source"} is no field of a pod`);
  return [path, { bytes: new TextEncoder().encode(text), mode: own ?? mode }];
}
