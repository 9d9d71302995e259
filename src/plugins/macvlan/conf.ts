// The macvlan plugin's configuration (CNI reference plugin "macvlan").

import { bool, decode, int, object, oneOf, optional, string, unlessEmpty, withDefault } from "#cni/decode.ts";
import { mac } from "#cni/decode-address.ts";
import type { Call } from "#cni/plugin.ts";
import type { ParentLink } from "#plugins/parent-link.ts";
import { requestedMac } from "#plugins/requested-mac.ts";

const macvlanConf = object({
  master: unlessEmpty(string),
  mode: unlessEmpty(oneOf("bridge", "private", "vepa", "passthru")),
  mtu: withDefault(int(), 0),
  mac: unlessEmpty(mac),
  linkInContainer: withDefault(bool, false),
  bcqueuelen: withDefault(int({ min: 0, max: 0xffff_ffff }), 0),
  runtimeConfig: optional(object({ mac: unlessEmpty(mac) })),
});

/** @throws CniError 7 naming the field, 4 for CNI_ARGS. */
export function readMacvlanConf(call: Call): ParentLink & { readonly mode: string } {
  const {
    master,
    mode = "bridge",
    mtu,
    linkInContainer,
    bcqueuelen,
    ...macs
  } = decode(macvlanConf, call.config, call.type);
  const bcQueueLen = bcqueuelen === 0 ? undefined : bcqueuelen;
  const info = { kind: "macvlan", data: { mode, bcQueueLen } } as const;
  return { master, mode, linkInContainer, mtu, mac: requestedMac(call, macs), info };
}
