// macvlan: a link with a hardware address of its own on the parent's network.

import type { Call, Plugin } from "#cni/plugin.ts";
import { versionsFrom } from "#cni/version.ts";
import type { Link } from "#netlink/link.ts";
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
import { readMacvlanConf } from "./conf.ts";

export const macvlan: Plugin<Host> = {
  name: "macvlan",
  about: "CNI macvlan plugin: gives a container a hardware address of its own on a parent interface's network",
  versions: versionsFrom("0.1.0"),
  add: (call, host) => addParentLink(call, host, readMacvlanConf(call)),
  del: (call, host) =>
    delContainerLink(call, host, "macvlan", (link) => (holdsParent(link) ? removeAtOnce : host.remover)),
  check,
  gc: gcContainerLinks,
  async status(call, host) {
    requireParentForStatus(call, host, readMacvlanConf(call));
    await statusContainerLinks(call, host);
  },
};

/** In this mode a parent takes no second link as long as the first lives. */
function holdsParent({ info }: Link): boolean {
  return info?.kind === "macvlan" && info.data?.mode === "passthru";
}

async function check(call: Call, host: Host): Promise<void> {
  const conf = readMacvlanConf(call);
  await checkContainerLink(call, host, "macvlan", (link, inside) => {
    const mode = link.info?.kind === "macvlan" ? link.info.data?.mode : undefined;
    if (mode !== conf.mode) throw failed(`interface ${link.name} is in mode ${mode}, not ${conf.mode}`);
    checkParent(host, conf, link, inside);
  });
}
