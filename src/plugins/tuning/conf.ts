// Tuning's configuration: what an interface shall be like, gathered from the four places that may say so.

import { parseArgs } from "#cni/args.ts";
import { boolOrText, decode, type Infer, int, object, optional, record, string, unlessEmpty } from "#cni/decode.ts";
import { mac } from "#cni/decode-address.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import { type Mac, parseMac } from "#net/mac.ts";
import { duplicateKeys } from "./duplicate-keys.ts";
import { type Sysctl, toSysctl } from "./sysctl.ts";

/** Attributes of an interface, as far as they are configured. */
export type Attributes = {
  readonly mac?: Mac | undefined;
  readonly promisc?: boolean | undefined;
  readonly mtu?: number | undefined;
  readonly allmulti?: boolean | undefined;
  readonly txQLen?: number | undefined;
};

export type TuningConf = {
  readonly attributes: Attributes;
  readonly sysctls: readonly Sysctl[];
  readonly dataDir: string;
};

const maxU32 = 0xffffffff;
export const defaultDataDir = "/run/cni/tuning";

const settings = {
  sysctl: optional(record(string)),
  mac: unlessEmpty(mac),
  promisc: optional(boolOrText),
  mtu: optional(int({ min: 0, max: maxU32 })),
  allmulti: optional(boolOrText),
  txQLen: optional(int({ min: 0, max: maxU32 })),
};
const conf = object({
  ...settings,
  dataDir: unlessEmpty(string),
  runtimeConfig: optional(object({ mac: unlessEmpty(mac) })),
  args: optional(object({ cni: optional(object(settings)) })),
});
const onlyDataDir = object({ dataDir: unlessEmpty(string) });

/**
 * The configuration itself, overridden by CNI_ARGS (`MAC`), `runtimeConfig.mac` and `args.cni`, the last of which wins.
 * @throws CniError 4 or 7 naming the field.
 */
export function readConf(call: Call): TuningConf {
  const top = decode(conf, call.config, call.type);
  const args = top.args?.cni ?? {};
  rejectDuplicates(call);
  const attributes = {
    mac: args.mac ?? top.runtimeConfig?.mac ?? macOfArgs(call) ?? top.mac,
    // Off is the default, not a wish: another plugin may have switched it on.
    promisc: (args.promisc ?? top.promisc) || undefined,
    mtu: (args.mtu ?? top.mtu) || undefined,
    allmulti: args.allmulti ?? top.allmulti,
    txQLen: args.txQLen ?? top.txQLen,
  };
  return {
    attributes,
    sysctls: mergeSysctls(top.sysctl, args.sysctl, call.ifname),
    dataDir: top.dataDir ?? defaultDataDir,
  };
}

/** For DEL and GC, which a mistake anywhere else in the configuration must not stop. */
export function readDataDir(call: Call): string {
  try {
    return decode(onlyDataDir, call.config, call.type).dataDir ?? defaultDataDir;
  } catch (error) {
    if (error instanceof CniError) return defaultDataDir;
    throw error;
  }
}

function mergeSysctls(
  base: Infer<typeof settings.sysctl>,
  overriding: Infer<typeof settings.sysctl>,
  ifname: string,
): readonly Sysctl[] {
  const byPath = new Map<string, Sysctl>();
  for (const layer of [base, overriding]) {
    const seen = new Set<string>();
    for (const [key, value] of Object.entries(layer ?? {})) {
      const sysctl = toSysctl(key, value, ifname);
      if (seen.has(sysctl.path)) throw duplicated(key);
      seen.add(sysctl.path);
      byPath.set(sysctl.path, sysctl);
    }
  }
  return [...byPath.values()];
}

function rejectDuplicates(call: Call): void {
  const [key] = duplicateKeys(call.stdin, (path) => {
    const joined = path.join("/").toLowerCase();
    return joined === "sysctl" || joined === "args/cni/sysctl";
  });
  if (key !== undefined) throw duplicated(key);
}

function duplicated(key: string): CniError {
  const which = `"${key}" is there twice, remove one`;
  return new CniError(ErrorCode.invalidConfig, `duplicated sysctl keys are not allowed: ${which}`);
}

function macOfArgs(call: Call): Mac | undefined {
  const { MAC: text } = parseArgs(call.cniArgs, ["MAC"]);
  if (text === undefined) return undefined;
  const parsed = parseMac(text);
  if (parsed !== undefined) return parsed;
  const wants = "it must be a hardware address like 02:42:ac:11:00:02";
  throw new CniError(ErrorCode.invalidEnvironment, `CNI_ARGS has MAC=${text}: ${wants}`);
}
