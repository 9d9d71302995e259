// static: the addresses that the configuration or the runtime names; keeps no records.

import type { Call, Plugin } from "#cni/plugin.ts";
import { emptyResult, type Result } from "#cni/result.ts";
import { specVersions } from "#cni/version.ts";
import { failed } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import { readConf } from "./conf.ts";

export const staticIpam: Plugin<Host> = {
  name: "static",
  about: "CNI static plugin: gives a container the addresses that its configuration names",
  versions: specVersions,
  add,
  del,
  check,
  gc: del,
  status,
};

function add(call: Call): Result {
  return { ...emptyResult, ...readConf(call) };
}

/** Nothing was reserved. */
function del(): void {}

/**
 * Chained plugins may have changed an address's interface, not the address: each must still be there, with its gateway. The
 * reference lets a missing one pass.
 */
function check(call: Call): void {
  const present = call.prevResult?.ips ?? [];
  for (const { address, gateway } of readConf(call).ips) {
    const found = present.filter((each) => each.address === address);
    if (found.length === 0) throw failed(`static: the result of ADD has no address ${address}`);
    if (gateway === undefined || found.some((each) => each.gateway === gateway)) continue;
    const shown = found.map((each) => each.gateway ?? "none").join(", ");
    throw failed(`static: the gateway of ${address} is ${gateway} in the configuration, ${shown} in the result of ADD`);
  }
}

function status(call: Call): void {
  readConf(call);
}
