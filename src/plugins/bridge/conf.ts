// The bridge plugin's configuration (CNI reference plugin "bridge").

import { bool, decode, int, list, object, optional, string, unlessEmpty, withDefault } from "#cni/decode.ts";
import { mac } from "#cni/decode-address.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import type { Mac } from "#net/mac.ts";
import { requireNftables } from "#plugins/masquerade.ts";
import { requestedMac } from "#plugins/requested-mac.ts";

const flag = withDefault(bool, false);
const vid = int({ min: 1, max: 4094 });

const bridgeConf = object({
  bridge: unlessEmpty(string),
  isGateway: flag,
  isDefaultGateway: flag,
  forceAddress: flag,
  ipMasq: flag,
  ipMasqBackend: unlessEmpty(string),
  mtu: withDefault(int({ min: 0, max: 65535 }), 0),
  hairpinMode: flag,
  promiscMode: flag,
  vlan: withDefault(int({ min: 0, max: 4094 }), 0),
  vlanTrunk: withDefault(list(object({ id: optional(vid), minID: optional(vid), maxID: optional(vid) })), []),
  preserveDefaultVlan: flag,
  macspoofchk: flag,
  enabledad: flag,
  disableContainerInterface: flag,
  portIsolation: flag,
  args: optional(object({ cni: optional(object({ mac: unlessEmpty(mac) })) })),
  runtimeConfig: optional(object({ mac: unlessEmpty(mac) })),
});

/** One range of tagged VLANs; `first` and `last` are equal for a single one. */
export type VlanRange = { readonly first: number; readonly last: number };

export type BridgeConf = {
  readonly bridge: string;
  readonly isGateway: boolean;
  readonly isDefaultGateway: boolean;
  readonly forceAddress: boolean;
  readonly ipMasq: boolean;
  /** 0: as the kernel chooses. */
  readonly mtu: number;
  readonly hairpinMode: boolean;
  readonly promiscMode: boolean;
  /** 0: none. */
  readonly vlan: number;
  readonly vlanTrunk: readonly VlanRange[];
  readonly preserveDefaultVlan: boolean;
  readonly macspoofchk: boolean;
  readonly enabledad: boolean;
  readonly disableContainerInterface: boolean;
  readonly portIsolation: boolean;
  readonly mac: Mac | undefined;
};

/** @throws CniError 7 naming the field, 2 for what only iptables can do. */
export function readBridgeConf(call: Call): BridgeConf {
  const conf = decode(bridgeConf, call.config, call.type);
  if (conf.hairpinMode && conf.promiscMode) {
    throw invalid(call, 'fields "hairpinMode" and "promiscMode" exclude each other: set one of them');
  }
  if (conf.disableContainerInterface && call.config["ipam"] !== undefined) {
    throw invalid(
      call,
      'field "disableContainerInterface" leaves the interface down, which an "ipam" cannot use: drop one',
    );
  }
  requireNftables(call, conf.ipMasqBackend);
  return {
    ...conf,
    bridge: conf.bridge ?? "cni0",
    isGateway: conf.isGateway || conf.isDefaultGateway,
    vlanTrunk: conf.vlanTrunk.map((range, i) => readRange(call, range, i)),
    mac: requestedMac(call, conf),
  };
}

function readRange(
  call: Call,
  { id, minID, maxID }: { readonly id?: number; readonly minID?: number; readonly maxID?: number },
  index: number,
): VlanRange {
  const where = `field "vlanTrunk[${index}]"`;
  if (id !== undefined && minID === undefined && maxID === undefined) return { first: id, last: id };
  if (id !== undefined || minID === undefined || maxID === undefined) {
    throw invalid(call, `${where} must have either "id", or both "minID" and "maxID"`);
  }
  if (minID > maxID) throw invalid(call, `${where} has minID ${minID} above maxID ${maxID}`);
  return { first: minID, last: maxID };
}

function invalid(call: Call, problem: string): CniError {
  return new CniError(ErrorCode.invalidConfig, `${call.type}: ${problem}`);
}
