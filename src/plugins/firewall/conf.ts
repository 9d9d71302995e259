// firewall's configuration, and the record of what an attachment has let through.

import { bool, decode, type Infer, list, map, object, oneOf, string, unlessEmpty, withDefault } from "#cni/decode.ts";
import { ifAddr } from "#cni/decode-address.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";

const ingressPolicy = map(unlessEmpty(oneOf("open", "same-bridge", "isolated")), (word) => word ?? "open");

const firewallConf = object({
  backend: unlessEmpty(string),
  iptablesAdminChainName: unlessEmpty(string),
  firewalldZone: unlessEmpty(string),
  ingressPolicy,
});

const firewallRecord = object({
  addresses: list(ifAddr),
  ingressPolicy,
  /** The bridge that the policy speaks of; empty with policy "open". */
  bridge: string,
  /** Whether packets between the bridge's ports are dropped in its own table, or, on kernels without such, by br_netfilter's help. */
  bridgeTable: withDefault(bool, true),
});

/** What an attachment has let through. */
export type FirewallRecord = Infer<typeof firewallRecord>;

/** What these fields are when left out, in the reference plugins. */
const defaults = { iptablesAdminChainName: "CNI-ADMIN", firewalldZone: "trusted" } as const;

/** @throws CniError 2 for fields that only iptables or firewalld can honour, 7 for wrong ones. */
export function readConf(call: Call): Infer<typeof firewallConf> {
  const conf = decode(firewallConf, call.config, call.type);
  const refuse = (field: string, value: string, advice: string): never => {
    throw new CniError(ErrorCode.unsupportedField, `${call.type}: field "${field}" cannot be "${value}": ${advice}`);
  };
  const { backend, iptablesAdminChainName, firewalldZone } = conf;
  if (backend !== undefined && backend !== "nftables") {
    refuse("backend", backend, 'packets are filtered by nftables; leave the field out or set it to "nftables"');
  }
  if (iptablesAdminChainName !== undefined && iptablesAdminChainName !== defaults.iptablesAdminChainName) {
    const advice =
      "the administrator's chain is always chain admin of nftables table inet twill_firewall; leave the field out";
    refuse("iptablesAdminChainName", iptablesAdminChainName, advice);
  }
  if (firewalldZone !== undefined && firewalldZone !== defaults.firewalldZone) {
    refuse("firewalldZone", firewalldZone, "firewalld is not spoken to; leave the field out");
  }
  return conf;
}

/** @throws CniError as `readConf`, and 7 when a policy for bridges finds no interface on the node. */
export function wantedRecord(call: Call, { interfaces, ips }: Result): FirewallRecord {
  const { ingressPolicy } = readConf(call);
  const addresses = ips.map(({ address }) => address);
  if (ingressPolicy === "open") return { addresses, ingressPolicy, bridge: "", bridgeTable: false };
  const [first] = interfaces;
  if (first !== undefined && (first.sandbox ?? "") === "") {
    return { addresses, ingressPolicy, bridge: first.name, bridgeTable: ingressPolicy === "isolated" };
  }
  throw new CniError(
    ErrorCode.invalidConfig,
    `${call.type}: field "ingressPolicy" cannot be "${ingressPolicy}" here: the first interface of the previous result must be a bridge of the node, found ${JSON.stringify(first?.name ?? "none")}`,
  );
}

/** Undefined when `json` is none or damaged. */
export function parseRecord(json: unknown): FirewallRecord | undefined {
  try {
    return json === undefined ? undefined : firewallRecord(json as Parameters<typeof firewallRecord>[0]);
  } catch {
    return undefined;
  }
}
