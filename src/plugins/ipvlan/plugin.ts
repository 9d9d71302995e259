// ipvlan: a link with IP addresses of its own behind the parent's hardware address.

import type { Call, Plugin } from "#cni/plugin.ts";
import { versionsFrom } from "#cni/version.ts";
import { failed } from "#plugins/container.ts";
import {
  checkContainerLink,
  delContainerLink,
  gcContainerLinks,
  statusContainerLinks,
} from "#plugins/container-link.ts";
import type { Host } from "#plugins/host.ts";
import { ipamType } from "#plugins/ipam.ts";
import { removeAtOnce } from "#plugins/link-remover.ts";
import { addParentLink, checkParent, requireParentForStatus } from "#plugins/parent-link.ts";
import { readChained, readIpvlanConf } from "./conf.ts";

export const ipvlan: Plugin<Host> = {
  name: "ipvlan",
  about: "CNI ipvlan plugin: gives a container IP addresses of its own behind a parent interface's hardware address",
  versions: versionsFrom("0.1.0"),
  async add(call, host) {
    const { want, chained } = readChained(call, readIpvlanConf(call));
    return await addParentLink(call, host, want, chained);
  },
  // All links of a parent share one table of addresses: the next container may get the same address.
  del: (call, host) => delContainerLink(call, host, "ipvlan", () => removeAtOnce),
  check,
  gc: gcContainerLinks,
  async status(call, host) {
    const conf = readIpvlanConf(call);
    // In a chain the parent may come from the plugin before, which is not known here.
    if (conf.master !== undefined || ipamType(call) !== undefined) requireParentForStatus(call, host, conf);
    await statusContainerLinks(call, host);
  },
};

async function check(call: Call, host: Host): Promise<void> {
  const conf = readIpvlanConf(call);
  await checkContainerLink(call, host, "ipvlan", (link, inside) => {
    const mode = link.info?.kind === "ipvlan" ? link.info.data?.mode : undefined;
    if (mode !== conf.mode) throw failed(`interface ${link.name} is in mode ${mode}, not ${conf.mode}`);
    checkParent(host, conf, link, inside);
  });
}
