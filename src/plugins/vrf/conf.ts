// Configuration of vrf: which routing domain an interface belongs to.

import { decode, int, object, text, withDefault } from "#cni/decode.ts";
import { CniError } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";

export type VrfConf = {
  readonly vrfname: string;
  /** 0: any that is free. */
  readonly table: number;
};

/** IFNAMSIZ with its final zero, and what the kernel's dev_valid_name() forbids. */
function parseLinkName(name: string): string | undefined {
  const isValid = name.length > 0 && name.length <= 15 && name !== "." && name !== ".." && !/[/:\s]/.test(name);
  return isValid ? name : undefined;
}

const vrfname = text("the name of a link, of 1 to 15 characters", parseLinkName);
const conf = object({ vrfname, table: withDefault(int({ min: 0, max: 0xffffffff }), 0) });

/** @throws CniError 7 naming the field. */
export function readConf(call: Call): VrfConf {
  return decode(conf, call.config, call.type);
}

/** For DEL, which a mistake anywhere else in the configuration must not stop. */
export function readVrfname(call: Call): string | undefined {
  try {
    return decode(object({ vrfname }), call.config, call.type).vrfname;
  } catch (error) {
    if (error instanceof CniError) return undefined;
    throw error;
  }
}
