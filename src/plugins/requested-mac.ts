// The hardware address that a configuration or a runtime asks for.

import { parseArgs } from "#cni/args.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import { type Mac, parseMac } from "#net/mac.ts";

/**
 * `runtimeConfig.mac`, else `MAC` of CNI_ARGS, else the configuration's `mac`.
 * @throws CniError 4 when CNI_ARGS is malformed.
 */
export function requestedMac(
  call: Call,
  conf: { readonly mac?: Mac; readonly runtimeConfig?: { readonly mac?: Mac } },
): Mac | undefined {
  const fromArgs = macOfArgs(call);
  return conf.runtimeConfig?.mac ?? fromArgs ?? conf.mac;
}

function macOfArgs(call: Call): Mac | undefined {
  const { MAC } = parseArgs(call.cniArgs, ["MAC"]);
  if (MAC === undefined) return undefined;
  const mac = parseMac(MAC);
  if (mac !== undefined) return mac;
  throw new CniError(
    ErrorCode.invalidEnvironment,
    `CNI_ARGS has MAC=${MAC}: it must be a hardware address like 02:42:ac:11:00:02`,
  );
}
