// Links that share a parent ("master"): what macvlan, ipvlan and vlan have in common.

import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import { isDefault } from "#net/cidr.ts";
import { families } from "#net/ip.ts";
import type { Mac } from "#net/mac.ts";
import type { Connection } from "#netlink/connection.ts";
import { addLink, findLink, type Link } from "#netlink/link.ts";
import type { LinkInfo } from "#netlink/link-message.ts";
import { listRoutes, RouteTable } from "#netlink/route.ts";
import { failed, writeSysctlIfThere } from "./container.ts";
import { addContainerLink, type Inside } from "./container-link.ts";
import type { Host } from "./host.ts";

/** What a configuration says about a link and its parent. */
export type ParentLink = {
  /** Absent: the interface of the default route. */
  readonly master?: string | undefined;
  /** The parent is in the container's namespace, not in the node's. */
  readonly linkInContainer: boolean;
  /** 0: as the kernel chooses. */
  readonly mtu: number;
  readonly mac?: Mac | undefined;
  readonly info: LinkInfo;
};

/** ADD of a link with a parent. `chained` are addresses from an earlier plugin. @throws CniError, KernelError */
export function addParentLink(
  call: Call,
  host: Host,
  want: ParentLink,
  chained?: Pick<Result, "ips" | "routes">,
): Promise<Result> {
  return addContainerLink(call, host, {
    make(inside) {
      const connection = want.linkInContainer ? inside.container : host.route();
      const parent = requireParent(connection, call, want);
      requireMtu(call, want.mtu, parent);
      // Linux before 6.15 looks for the name in the sender's namespace too: "eth0" would collide with the node's own.
      const name = want.linkInContainer ? call.ifname : temporaryName(host);
      const { mac, info } = want;
      const mtu = want.mtu === 0 ? undefined : want.mtu;
      connection.apply([addLink({ name, parent: parent.index, netns: inside.netns, mtu, mac }, info)]);
      return name;
    },
    prepare(link, { netns }) {
      // The neighbours learn of a new hardware address for an old IP address as soon as the link is up.
      writeSysctlIfThere(netns, `net/ipv4/conf/${call.ifname}/arp_notify`, "1");
      writeSysctlIfThere(netns, `net/ipv6/conf/${call.ifname}/ndisc_notify`, "1");
      return link;
    },
    chained,
  });
}

/** CHECK of what `checkAttachment` cannot know: the parent and the MTU. @throws CniError */
export function checkParent(host: Host, want: ParentLink, link: Link, inside: Inside): void {
  const connection = want.linkInContainer ? inside.container : host.route();
  if (want.mtu !== 0 && want.mtu !== link.mtu) {
    throw failed(`interface ${link.name} has an MTU of ${link.mtu}, not ${want.mtu}`);
  }
  const parent = want.master === undefined ? undefined : findLink(connection, want.master);
  if (want.master !== undefined && parent === undefined) throw failed(`master ${want.master} is not there any more`);
  // The default route may have moved to another interface since ADD: any parent that lives is good.
  if (parent === undefined) {
    if (findLink(connection, link.parent) === undefined)
      throw failed(`the master of ${link.name} is not there any more`);
    return;
  }
  // On a parent of its own kind, macvlan and ipvlan go to the parent's parent.
  if (link.parent === parent.index) return;
  if (link.info?.kind === parent.info?.kind && link.parent === parent.parent) return;
  throw failed(`interface ${link.name} has the parent #${link.parent}, not ${parent.name}`);
}

/** STATUS: whether there is a parent for the next ADD. @throws CniError 50 */
export function requireParentForStatus(
  call: Call,
  host: Host,
  want: Pick<ParentLink, "master" | "linkInContainer">,
): void {
  if (want.linkInContainer) return;
  try {
    requireParent(host.route(), call, want);
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw new CniError(ErrorCode.notAvailable, error.message, { cause: error });
  }
}

function requireParent(
  connection: Connection,
  call: Call,
  { master, linkInContainer }: Pick<ParentLink, "master" | "linkInContainer">,
): Link {
  const which = master ?? defaultInterface(connection);
  const parent = which === undefined ? undefined : findLink(connection, which);
  if (parent !== undefined) return parent;
  const where = linkInContainer ? `the container's network namespace "${call.netns}"` : "the node's network namespace";
  const problem =
    master === undefined
      ? `field "master" is missing, and there is no default route in ${where} to choose an interface by`
      : `field "master" is ${JSON.stringify(master)}, and there is no such interface in ${where}`;
  throw new CniError(ErrorCode.invalidConfig, `${call.type}: ${problem}`);
}

/** The ifindex of the default route with the lowest metric; IPv4's goes before IPv6's. */
function defaultInterface(connection: Connection): number | undefined {
  for (const family of families) {
    const [best] = listRoutes(connection, family, { table: RouteTable.main })
      .filter(({ dst, type }) => isDefault(dst) && type === "unicast")
      .sort((a, b) => (a.priority ?? 0) - (b.priority ?? 0));
    const oif = best?.oif ?? best?.multipath?.[0]?.index;
    if (oif !== undefined) return oif;
  }
  return undefined;
}

function requireMtu(call: Call, mtu: number, parent: Link): void {
  if (mtu >= 0 && mtu <= parent.mtu) return;
  throw new CniError(
    ErrorCode.invalidConfig,
    `${call.type}: field "mtu" is ${mtu}: it must be from 0 to ${parent.mtu}, the MTU of master ${parent.name}`,
  );
}

function temporaryName(host: Host): string {
  return `tw${host.random(new Uint8Array(5)).toHex()}`;
}
