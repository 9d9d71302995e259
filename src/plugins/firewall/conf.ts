// firewall's configuration, and the record of what an attachment has let through.

import { bool, decode, type Infer, list, map, object, oneOf, string, unlessEmpty, withDefault } from "#cni/decode.ts";
import { ifAddr } from "#cni/decode-address.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import { isNodes } from "#plugins/chained.ts";
import { unsupportedField } from "#plugins/recorded.ts";

const ingressPolicy = map(unlessEmpty(oneOf("open", "same-bridge", "isolated")), (word) => word ?? "open");

const firewallConf = object({
  backend: unlessEmpty(string),
  iptablesAdminChainName: unlessEmpty(string),
  firewalldZone: unlessEmpty(string),
  ingressPolicy,
});

/** The decoder of `FirewallRecord`. */
export const firewallRecord = object({
  addresses: list(ifAddr),
  ingressPolicy,
  /** The bridge that the policy speaks of; empty with policy "open". */
  bridge: string,
  /** Whether packets between the bridge's ports are dropped in its own table, or, on kernels without such, by br_netfilter's help. */
  bridgeTable: withDefault(bool, true),
  /** The zone of firewalld that the addresses are sources of; empty when nftables lets them through. */
  zone: withDefault(string, ""),
});

/** What an attachment has let through. */
export type FirewallRecord = Infer<typeof firewallRecord>;

/** What these fields are when left out, in the reference plugins. */
const defaults = { iptablesAdminChainName: "CNI-ADMIN", firewalldZone: "trusted" } as const;

/** Who lets packets through: what is asked for, or "any" for firewalld where it runs and nftables elsewhere. */
export type Backend = "any" | "nftables" | "firewalld";

/** @throws CniError 2 for fields that only iptables can honour, or only the other backend, 7 for wrong ones. */
export function readConf(call: Call) {
  const { backend, iptablesAdminChainName, firewalldZone, ...conf } = decode(firewallConf, call.config, call.type);
  if (iptablesAdminChainName !== undefined && iptablesAdminChainName !== defaults.iptablesAdminChainName) {
    const advice =
      "the administrator's chain is always chain admin of nftables table inet twill_firewall; leave the field out";
    throw unsupportedField(call, "iptablesAdminChainName", iptablesAdminChainName, advice);
  }
  const zone = firewalldZone ?? defaults.firewalldZone;
  if (backend === "nftables" && zone !== defaults.firewalldZone) {
    const advice = 'firewalld is not asked with backend "nftables"; leave one of both fields out';
    throw unsupportedField(call, "firewalldZone", zone, advice);
  }
  if (backend === undefined) return { ...conf, zone, backend: "any" as Backend };
  if (backend === "nftables" || backend === "firewalld") return { ...conf, zone, backend: backend as Backend };
  const advice = "packets are filtered by nftables or firewalld; leave the field out or set it to one of them";
  throw unsupportedField(call, "backend", backend, advice);
}

/** `zone` as in the record. @throws CniError as `readConf`, and 7 when a policy for bridges finds no interface on the node. */
export function wantedRecord(call: Call, { interfaces, ips }: Result, zone: string): FirewallRecord {
  const { ingressPolicy } = readConf(call);
  const addresses = ips.map(({ address }) => address);
  if (ingressPolicy === "open") return { addresses, ingressPolicy, bridge: "", bridgeTable: false, zone };
  const [first] = interfaces;
  if (first !== undefined && isNodes(first)) {
    return { addresses, ingressPolicy, bridge: first.name, bridgeTable: ingressPolicy === "isolated", zone };
  }
  throw new CniError(
    ErrorCode.invalidConfig,
    `${call.type}: field "ingressPolicy" cannot be "${ingressPolicy}" here: the first interface of the previous result must be a bridge of the node, found ${JSON.stringify(first?.name ?? "none")}`,
  );
}
