// The configuration of CNI type `twill`, and what the runtime hands down with it.

import type { Endpoint, PodName } from "#agent/state/endpoint.ts";
import { parseArgs } from "#cni/args.ts";
import { decode, int, list, object, optional, raw, text, withDefault } from "#cni/decode.ts";
import { mac } from "#cni/decode-address.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import { addressOf, parseIfAddr } from "#net/cidr.ts";
import { type Ip, parseIp } from "#net/ip.ts";
import { isInterfaceMac, type Mac } from "#net/mac.ts";
import { readConf as readShaping } from "#plugins/bandwidth/conf.ts";
import { requestedMac } from "#plugins/requested-mac.ts";

/** Runtimes give addresses with and without a prefix length; it has no meaning here, where each pod is alone on its link. */
const address = text<Ip>("an IP address, with or without a prefix length", (value) => {
  const withLength = parseIfAddr(value);
  return withLength === undefined ? parseIp(value) : addressOf(withLength);
});

const twillConf = object({
  mtu: optional(int({ min: 1280, max: 65_535 })),
  args: optional(object({ cni: optional(object({ ips: withDefault(list(address), []), mac: optional(mac) })) })),
  runtimeConfig: optional(
    object({
      ips: withDefault(list(address), []),
      mac: optional(mac),
      mtu: optional(int({ min: 1280, max: 65_535 })),
      portMappings: withDefault(list(raw), []),
    }),
  ),
});

export type TwillConf = Pick<Endpoint, "pod" | "shaping" | "mapsPorts"> & {
  readonly mtu: number | undefined;
  readonly mac: Mac | undefined;
  /** Addresses that the runtime wants the pod to have. */
  readonly addresses: readonly Ip[];
};

/** What may be in CNI_ARGS. */
const argKeys = [
  "K8S_POD_NAMESPACE",
  "K8S_POD_NAME",
  "K8S_POD_UID",
  "K8S_POD_INFRA_CONTAINER_ID",
  "IP",
  "MAC",
] as const;

/** What `Call` asks for. @throws CniError 7 naming the field, 4 for malformed CNI_ARGS */
export function readConf(call: Call): TwillConf {
  const { mtu, args, runtimeConfig } = decode(twillConf, call.config, call.type);
  const given = [...(runtimeConfig?.ips ?? []), ...(args?.cni?.ips ?? [])];
  const { ingress, egress } = readShaping(call);
  const shaping = ingress === undefined && egress === undefined ? undefined : { ingress, egress };
  const wishes = {
    ...(args?.cni?.mac === undefined ? {} : { args: { cni: { mac: args.cni.mac } } }),
    ...(runtimeConfig?.mac === undefined ? {} : { runtimeConfig: { mac: runtimeConfig.mac } }),
  };
  return {
    pod: podOf(call),
    shaping,
    mapsPorts: (runtimeConfig?.portMappings ?? []).length > 0,
    mtu: runtimeConfig?.mtu ?? mtu,
    mac: checkMac(requestedMac(call, wishes, argKeys)),
    addresses: given.length > 0 ? given : addressesOfArgs(call),
  };
}

/** Whose interface it is, as Kubernetes' runtimes tell in CNI_ARGS; undefined outside of Kubernetes. */
function podOf(call: Call): PodName | undefined {
  const { K8S_POD_NAMESPACE, K8S_POD_NAME, K8S_POD_UID = "" } = argsOf(call);
  if (K8S_POD_NAMESPACE === undefined || K8S_POD_NAME === undefined) return undefined;
  return { namespace: K8S_POD_NAMESPACE, name: K8S_POD_NAME, uid: K8S_POD_UID };
}

function addressesOfArgs(call: Call): readonly Ip[] {
  const { IP } = argsOf(call);
  if (IP === undefined) return [];
  return IP.split(",").map((part) => {
    const found = parseIp(part);
    if (found !== undefined) return found;
    throw new CniError(
      ErrorCode.invalidEnvironment,
      `CNI_ARGS has IP=${IP}: it must be IP addresses, with commas between them`,
    );
  });
}

function argsOf(call: Call) {
  return parseArgs(call.cniArgs, argKeys);
}

/** @throws CniError 7 */
function checkMac(address: Mac | undefined): Mac | undefined {
  if (address === undefined || isInterfaceMac(address)) return address;
  throw new CniError(
    ErrorCode.invalidConfig,
    `Cannot give hardware address ${address}: no interface can have it, the lowest bit of its first byte must be 0, and not all can`,
  );
}
