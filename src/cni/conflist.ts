// A network configuration list: what a `.conflist` file says, checked, with its plugins' objects as they were written.

import {
  bool,
  boolOrText,
  decode,
  type Infer,
  list,
  map,
  object,
  optional,
  parseJson,
  rawObject,
  record,
  refine,
  string,
  withDefault,
} from "./decode.ts";
import { checkNetworkName } from "./environment.ts";
import { CniError, ErrorCode } from "./error.ts";
import type { Json, JsonObject } from "./json.ts";
import { compareVersions, impliedVersion, parseVersion, type SpecVersion, specVersions } from "./version.ts";

/** One plugin of a list. */
export type PluginConf = {
  readonly type: string;
  /** Names of the capabilities declared as true: these keys of the runtime's arguments the plugin gets. */
  readonly capabilities: readonly string[];
  /** The object as written, unknown fields and the order of keys included. */
  readonly config: JsonObject;
};

export type NetworkList = {
  readonly name: string;
  /** The newest version that both `cniVersions` and Twill name. */
  readonly cniVersion: SpecVersion;
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  /** False: plugins in the folder named like the network are appended, see lookup.ts. */
  readonly loadOnlyInlinedPlugins: boolean;
  readonly plugins: readonly PluginConf[];
  /** The list's JSON, as the result cache keeps it. */
  readonly text: string;
};

/**
 * Reads a configuration list (specification, section 1 "Network configuration format"). `subject`, mostly the file's path,
 * opens the sentence of a failure. `plugins` is empty only when the list leaves it out and a folder may supply them.
 * @throws CniError 6 when `text` is not JSON, 7 for a wrong or missing field, 1 when no version is known.
 */
export function parseNetworkList(text: string, subject: string): NetworkList {
  const conf = decode(listConf, parseJson(text, subject), subject);
  checkName(conf.name, subject);
  const { plugins } = conf;
  if (plugins === undefined && conf.loadOnlyInlinedPlugins) {
    throw invalid(subject, `field "plugins" is missing, and "loadOnlyInlinedPlugins" is true: list the plugins`);
  }
  if (plugins?.length === 0) throw invalid(subject, `field "plugins" is an empty list: list at least one plugin`);
  return {
    name: conf.name,
    cniVersion: newestCommon(conf.cniVersion, conf.cniVersions, subject),
    disableCheck: conf.disableCheck,
    disableGC: conf.disableGC,
    loadOnlyInlinedPlugins: conf.loadOnlyInlinedPlugins,
    plugins: (plugins ?? []).map((plugin, index) => pluginConf(plugin, `${subject}: plugins[${index}]`)),
    text,
  };
}

/**
 * Reads the configuration of one plugin: a file of a network's folder.
 * @throws CniError 6 when `text` is not JSON, 7 for a wrong or missing field.
 */
export function parsePluginConf(text: string, subject: string): PluginConf {
  return pluginConf(parseJson(text, subject), subject);
}

/**
 * Reads the form that went out of use with specification 1.0: one plugin's object with the network's name in it.
 * It becomes a list of one plugin, which takes nothing from folders.
 * @throws CniError as `parseNetworkList`.
 */
export function parseSingleConf(text: string, subject: string): NetworkList {
  const config = parseJson(text, subject);
  const plugin = pluginConf(config, subject);
  const { name, cniVersion } = decode(singleConf, config, subject);
  checkName(name, subject);
  const upConverted = { ...(cniVersion === undefined ? {} : { cniVersion }), name, plugins: [config] };
  return {
    name,
    cniVersion: newestCommon(cniVersion, undefined, subject),
    disableCheck: false,
    disableGC: false,
    loadOnlyInlinedPlugins: true,
    plugins: [plugin],
    text: JSON.stringify(upConverted),
  };
}

const pluginFields = object({
  type: refine(string, "an executable's name, without a slash", (type) => type !== "" && !/[/\0]/.test(type)),
  capabilities: withDefault(record(bool), {}),
});

const listConf = object({
  name: string,
  cniVersion: optional(string),
  cniVersions: optional(list(string)),
  disableCheck: withDefault(boolOrText, false),
  disableGC: withDefault(boolOrText, false),
  loadOnlyInlinedPlugins: withDefault(boolOrText, false),
  plugins: optional(list(rawObject)),
});

const singleConf = object({ name: string, cniVersion: optional(string) });

const checkedPlugin = map(rawObject, (config): PluginConf & { readonly config: JsonObject } => {
  const { type, capabilities } = pluginFields(config);
  return { type, capabilities: Object.keys(capabilities).filter((name) => capabilities[name] === true), config };
});

function pluginConf(config: Json, subject: string): Infer<typeof checkedPlugin> {
  return decode(checkedPlugin, config, subject);
}

/** Three numbers at most, as libcni takes them. */
const versionText = /^(\d+)(\.\d+){0,2}$/;

/**
 * "The runtime must use the highest version it supports" (specification, section 1, `cniVersions`). Well-formed versions that
 * Twill does not know are passed over there, but not in `cniVersion` alone.
 */
function newestCommon(one: string | undefined, several: readonly string[] | undefined, subject: string): SpecVersion {
  const named = [...(several ?? []), ...(one === undefined || one === "" ? [] : [one])];
  for (const text of named) {
    if (!versionText.test(text)) {
      const field = several?.includes(text) ? "cniVersions" : "cniVersion";
      throw invalid(subject, `field "${field}" must hold versions like 1.1.0, found ${JSON.stringify(text)}`);
    }
  }
  if (named.length === 0) return impliedVersion;
  const newest = named
    .map(parseVersion)
    .filter((version) => version !== undefined)
    .sort(compareVersions)
    .at(-1);
  if (newest === undefined) {
    throw new CniError(
      ErrorCode.incompatibleVersion,
      `${subject}: cniVersion is ${named.join(", ")}, known are ${specVersions.join(", ")}`,
    );
  }
  return newest;
}

/** The name becomes part of paths: the network's folder and its cached results. */
function checkName(name: string, subject: string): void {
  try {
    checkNetworkName(name);
  } catch (cause) {
    const rule = "start with a letter or digit and go on with letters, digits, underscores, dots and hyphens";
    throw new CniError(
      ErrorCode.invalidConfig,
      `${subject}: field "name" must ${rule}, found ${JSON.stringify(name.slice(0, maxShownLength))}`,
      { cause },
    );
  }
}

const maxShownLength = 100;

function invalid(subject: string, what: string): CniError {
  return new CniError(ErrorCode.invalidConfig, `${subject}: ${what}`);
}
