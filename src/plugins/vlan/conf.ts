// The vlan plugin's configuration (CNI reference plugin "vlan").

import { bool, decode, int, object, string, withDefault } from "#cni/decode.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import type { ParentLink } from "#plugins/parent-link.ts";

const vlanConf = object({
  master: withDefault(string, ""),
  vlanId: withDefault(int({ min: 0, max: 4094 }), 0),
  mtu: withDefault(int(), 0),
  linkInContainer: withDefault(bool, false),
});

/** @throws CniError 7 naming the field. */
export function readVlanConf(call: Call): ParentLink & { readonly vlanId: number } {
  const conf = decode(vlanConf, call.config, call.type);
  if (conf.master === "") {
    throw new CniError(
      ErrorCode.invalidConfig,
      `${call.type}: field "master" is missing: it must name the interface that carries the VLAN`,
    );
  }
  return { ...conf, info: { kind: "vlan", data: { id: conf.vlanId } } };
}
