// vlan: one VLAN of a parent interface.

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
import { removeAtOnce } from "#plugins/link-remover.ts";
import { addParentLink, checkParent, requireParentForStatus } from "#plugins/parent-link.ts";
import { readVlanConf } from "./conf.ts";

export const vlan: Plugin<Host> = {
  name: "vlan",
  about: "CNI vlan plugin: gives a container one VLAN of a parent interface",
  versions: versionsFrom("0.1.0"),
  add: (call, host) => addParentLink(call, host, readVlanConf(call)),
  // A parent carries each VLAN once: the next container may want the same.
  del: (call, host) => delContainerLink(call, host, "vlan", () => removeAtOnce),
  check,
  gc: gcContainerLinks,
  async status(call, host) {
    requireParentForStatus(call, host, readVlanConf(call));
    await statusContainerLinks(call, host);
  },
};

async function check(call: Call, host: Host): Promise<void> {
  const conf = readVlanConf(call);
  await checkContainerLink(call, host, "vlan", (link, inside) => {
    const id = link.info?.kind === "vlan" ? link.info.data?.id : undefined;
    if (id !== conf.vlanId) throw failed(`interface ${link.name} has VLAN ${id}, not ${conf.vlanId}`);
    checkParent(host, conf, link, inside);
  });
}
