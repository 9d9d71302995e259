// tap: a tap device inside the container, for virtual machines that run there.

import { bool, decode, int, object, optional, string, unlessEmpty, withDefault } from "#cni/decode.ts";
import { mac } from "#cni/decode-address.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call, Plugin } from "#cni/plugin.ts";
import { versionsFrom } from "#cni/version.ts";
import { makeTap } from "#kernel/tun.ts";
import type { Mac } from "#net/mac.ts";
import { findLink, type Link, setLink } from "#netlink/link.ts";
import { failed } from "#plugins/container.ts";
import {
  addContainerLink,
  checkContainerLink,
  delContainerLink,
  gcContainerLinks,
  type Inside,
  statusContainerLinks,
} from "#plugins/container-link.ts";
import type { Host } from "#plugins/host.ts";
import { requestedMac } from "#plugins/requested-mac.ts";

const id = int({ min: 0, max: 0xffff_ffff });
const tapConf = object({
  multiQueue: withDefault(bool, false),
  mtu: withDefault(int({ min: 0, max: 65535 }), 0),
  mac: unlessEmpty(mac),
  owner: optional(id),
  group: optional(id),
  selinuxContext: unlessEmpty(string),
  bridge: unlessEmpty(string),
  runtimeConfig: optional(object({ mac: unlessEmpty(mac) })),
});

type TapConf = {
  readonly multiQueue: boolean;
  /** 0: the kernel's choice. */
  readonly mtu: number;
  readonly mac: Mac | undefined;
  readonly owner: number | undefined;
  readonly group: number | undefined;
  /** A bridge inside the container's namespace. */
  readonly bridge: string | undefined;
};

export const tap: Plugin<Host> = {
  name: "tap",
  about: "CNI tap plugin: gives a container a tap device, for a virtual machine that runs there",
  versions: versionsFrom("0.1.0"),
  async add(call, host) {
    const conf = readConf(call);
    return await addContainerLink(call, host, {
      make({ netns }) {
        makeTap(netns, { name: call.ifname, ...conf });
        return call.ifname;
      },
      prepare: (link, inside) => configure(link, inside, conf),
    });
  },
  del: (call, host) => delContainerLink(call, host, "tun", () => host.remover),
  check,
  gc: gcContainerLinks,
  status: statusContainerLinks,
};

function readConf(call: Call): TapConf {
  const conf = decode(tapConf, call.config, call.type);
  if (conf.selinuxContext !== undefined) {
    throw new CniError(
      ErrorCode.unsupportedField,
      `tap: field "selinuxContext" is ${JSON.stringify(conf.selinuxContext)}, but devices are made without a security context: leave it out`,
    );
  }
  return {
    multiQueue: conf.multiQueue,
    mtu: conf.mtu,
    mac: requestedMac(call, conf),
    owner: conf.owner,
    group: conf.group,
    bridge: conf.bridge,
  };
}

function configure(link: Link, { container }: Inside, conf: TapConf): Link {
  const size = conf.mtu > 0 ? { mtu: conf.mtu } : {};
  const master = conf.bridge === undefined ? undefined : requireBridge(container, conf.bridge).index;
  container.apply([setLink(link.index, { mac: conf.mac, master, ...size }, link.name)]);
  return findLink(container, link.index) ?? link;
}

function requireBridge(container: Inside["container"], name: string): Link {
  const found = findLink(container, name);
  if (found?.info?.kind === "bridge") return found;
  const state = found === undefined ? "is not there" : "is no bridge";
  throw new CniError(
    ErrorCode.invalidConfig,
    `tap: field "bridge" is ${JSON.stringify(name)}, which ${state} in the container's network namespace`,
  );
}

async function check(call: Call, host: Host): Promise<void> {
  const conf = readConf(call);
  await checkContainerLink(call, host, "tun", (link, { container }) => {
    requireSettings(link, conf);
    if (conf.bridge === undefined) return;
    if (link.master !== requireBridge(container, conf.bridge).index) {
      throw failed(`interface ${link.name} is not a port of bridge ${conf.bridge}`);
    }
  });
}

function requireSettings(link: Link, conf: TapConf): void {
  const found = link.info?.kind === "tun" ? link.info.data : undefined;
  if (found?.type !== "tap") throw failed(`interface ${link.name} is a tun device, not a tap device`);
  if (found.persist !== 1) throw failed(`tap device ${link.name} ends with the process that holds it`);
  if ((found.multiQueue === 1) !== conf.multiQueue) {
    throw failed(`tap device ${link.name} has multiQueue ${conf.multiQueue ? "off" : "on"}`);
  }
  for (const who of ["owner", "group"] as const) {
    // The kernel reports none for a device that is root's alone.
    if (found[who] !== conf[who]) {
      throw failed(`tap device ${link.name} has ${who} ${found[who] ?? "none"}, not ${conf[who] ?? "none"}`);
    }
  }
  if (conf.mtu > 0 && link.mtu !== conf.mtu) {
    throw failed(`interface ${link.name} has mtu ${link.mtu}, not ${conf.mtu}`);
  }
}
