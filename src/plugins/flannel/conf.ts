// The configuration of flannel, and the delegate's that is made of it and of flanneld's file.

import {
  type Decoder,
  decode,
  list,
  map,
  member,
  object,
  optional,
  raw,
  rawObject,
  string,
  unlessEmpty,
  withDefault,
} from "#cni/decode.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { JsonObject } from "#cni/json.ts";
import type { Call } from "#cni/plugin.ts";
import type { SubnetEnv } from "./subnet-env.ts";

/** What the reference plugin and flanneld agree upon. */
const defaultSubnetFile = "/run/flannel/subnet.env";
const defaultDataDir = "/var/lib/cni/flannel";

const orDefault = (fallback: string): Decoder<string> => map(unlessEmpty(string), (value) => value ?? fallback);

const netConf = object({
  subnetFile: orDefault(defaultSubnetFile),
  dataDir: orDefault(defaultDataDir),
  delegate: withDefault(rawObject, {}),
  ipam: withDefault(rawObject, {}),
  runtimeConfig: optional(rawObject),
});

export type FlannelConf = ReturnType<typeof netConf>;

/** @throws CniError 7 */
export function readConf(call: Call): FlannelConf {
  return decode(netConf, call.config, "flannel");
}

const routes = object({ routes: withDefault(list(raw), []) });

/**
 * The delegate's configuration: what `delegate` says, and defaults where it says nothing. Without `env`, which is only good
 * enough for taking down, ranges and routes are left out.
 * @throws CniError 7 when `delegate` sets what flannel sets.
 */
export function delegateConf(call: Call, conf: FlannelConf, env: SubnetEnv | undefined): JsonObject {
  const { delegate, ipam, runtimeConfig } = conf;
  for (const key of ["name", "ipam"]) {
    if (member(delegate, key) === undefined) continue;
    const advice = key === "ipam" ? "use the field ipam beside it" : "leave it out";
    throw new CniError(
      ErrorCode.invalidConfig,
      `flannel: 'delegate' dictionary must not have '${key}' field, it'll be set by flannel: ${advice}`,
    );
  }
  const type = delegateType(delegate);
  const unset = (key: string) => member(delegate, key) === undefined;
  return {
    ...delegate,
    name: call.network,
    type,
    cniVersion: call.cniVersion,
    ...(env !== undefined && unset("ipMasq") ? { ipMasq: !env.ipMasq } : {}),
    ...(env !== undefined && unset("mtu") ? { mtu: env.mtu } : {}),
    ...(type === "bridge" && unset("isGateway") ? { isGateway: true } : {}),
    ipam: ipamConf(ipam, env),
    ...(runtimeConfig === undefined ? {} : { runtimeConfig }),
  };
}

/** `bridge` unless the configuration names another. @throws CniError 7 */
export function delegateType(conf: JsonObject): string {
  return decode(object({ type: withDefault(string, "bridge") }), conf, "flannel: 'delegate' dictionary").type;
}

function ipamConf(ipam: JsonObject, env: SubnetEnv | undefined): JsonObject {
  const named = { ...ipam, type: member(ipam, "type") ?? "host-local" };
  if (env === undefined) return named;
  const own = decode(routes, ipam, "flannel: ipam").routes.filter((route) => route !== undefined);
  return {
    ...named,
    ranges: env.subnets.map((subnet) => [{ subnet }]),
    routes: [...own, ...env.networks.map((dst) => ({ dst }))],
  };
}
