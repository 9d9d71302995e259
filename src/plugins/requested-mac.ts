// The hardware address that a configuration or a runtime asks for.

import { parseArgs } from "#cni/args.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import { type Mac, parseMac } from "#net/mac.ts";

/** Where a configuration may name a hardware address; a plugin declares those that it knows. */
export type MacWishes = {
  readonly mac?: Mac;
  readonly args?: { readonly cni?: { readonly mac?: Mac } };
  readonly runtimeConfig?: { readonly mac?: Mac };
};

/**
 * `runtimeConfig.mac`, else `args.cni.mac`, else `MAC` of CNI_ARGS, else the configuration's `mac`. `otherKeys` are read of CNI_ARGS by
 * the plugin itself.
 * @throws CniError 4 when CNI_ARGS is malformed.
 */
export function requestedMac(
  call: Call,
  { mac, args, runtimeConfig }: MacWishes,
  otherKeys: readonly string[] = [],
): Mac | undefined {
  const fromArgs = macOfArgs(call, otherKeys);
  return runtimeConfig?.mac ?? args?.cni?.mac ?? fromArgs ?? mac;
}

function macOfArgs(call: Call, otherKeys: readonly string[]): Mac | undefined {
  const { MAC } = parseArgs<string>(call.cniArgs, ["MAC", ...otherKeys]);
  if (MAC === undefined) return undefined;
  const mac = parseMac(MAC);
  if (mac !== undefined) return mac;
  throw new CniError(
    ErrorCode.invalidEnvironment,
    `CNI_ARGS has MAC=${MAC}: it must be a hardware address like 02:42:ac:11:00:02`,
  );
}
