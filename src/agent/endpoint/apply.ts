// Parts of an endpoint's wiring as requests to the kernel, sent in one batch a side.

import { endpointGroup } from "#agent/state/endpoint.ts";
import { isErrno } from "#kernel/errno.ts";
import type { Netns } from "#kernel/netns.ts";
import { familyOfCidr } from "#net/cidr.ts";
import { addAddress } from "#netlink/address.ts";
import type { Connection, Failure } from "#netlink/connection.ts";
import { addVeth, setLink, setNoLinkLocal } from "#netlink/link.ts";
import type { Request } from "#netlink/message.ts";
import { replaceNeighbour } from "#netlink/neighbour.ts";
import { replaceQdisc, rootQdisc } from "#netlink/qdisc.ts";
import { replaceRoute } from "#netlink/route.ts";
import { handle } from "#netlink/tc.ts";
import { writeSysctlIfThere } from "#plugins/container.ts";
import { type Part, sideOf } from "./part.ts";

/** What wiring needs of the world. */
export type Ground = {
  readonly node: Connection;
  readonly pod: Connection;
  readonly netns: Netns;
  /** Makes a link one of the pods' to the packet path. */
  readonly joinBlocks: ((ifindex: number) => Request) | undefined;
};

/** Makes all parts: those on the node's side in one send, then the pod's in another. @throws KernelError of the first that failed */
export function applyWiring(parts: readonly Part[], ground: Ground): void {
  const node = parts.filter((part) => sideOf(part) === "node");
  const pod = parts.filter((part) => sideOf(part) === "pod");
  const requests = (of: readonly Part[]) => of.flatMap((part) => toRequests(part, ground));
  if (node.length > 0) ground.node.apply(requests(node));
  if (pod.length === 0) return;
  const failure = ground.pod.tryApply(requests(pod))[0];
  if (failure === undefined) return;
  if (!isSwitchedOff(failure)) throw failure.error;
  // Some runtimes switch IPv6 off in new namespaces. All requests may be repeated.
  for (const name of ["lo", ...parts.flatMap((part) => (part.part === "pair" ? [part.ifname] : []))]) {
    writeSysctlIfThere(ground.netns, `net/ipv6/conf/${name}/disable_ipv6`, "0");
  }
  ground.pod.apply(requests(pod));
}

function isSwitchedOff({ error }: Failure): boolean {
  return isErrno(error, "EACCES", "EPERM");
}

function toRequests(part: Part, { netns, joinBlocks }: Ground): readonly Request[] {
  switch (part.part) {
    case "pair":
      return [
        addVeth(
          { name: part.hostName, index: part.ifindex, mac: part.hostMac, mtu: part.mtu, group: endpointGroup },
          { name: part.ifname, index: part.ifindex, mac: part.mac, mtu: part.mtu, netns },
        ),
        setNoLinkLocal(part.ifindex, part.hostName),
      ];
    case "end":
      return [setLink(part.ifindex, { name: part.name, mac: part.mac, group: part.group })];
    case "blocks": {
      const join = joinBlocks?.(part.ifindex);
      return join === undefined ? [] : [{ ...join, allow: ["EEXIST"] }];
    }
    case "mtu":
      return [setLink(part.ifindex, { mtu: part.mtu })];
    case "up":
      return [setLink(part.ifindex, { up: true })];
    case "alone":
      return [setLink(part.ifindex, { master: 0 })];
    case "shaping":
      return [replaceQdisc(rootQdisc(part.ifindex, part.bucket, handle(1)))];
    case "address":
      return [
        addAddress(part.ifindex, part.address, {
          noDad: familyOfCidr(part.address) === "ipv6",
          allow: ["EEXIST"],
        }),
      ];
    case "neighbour":
      return [replaceNeighbour({ ifindex: part.ifindex, address: part.address, mac: part.mac })];
    case "route":
      return [
        replaceRoute({
          dst: part.dst,
          oif: part.ifindex,
          ...(part.gateway === undefined ? {} : { gateway: part.gateway }),
          ...(part.source === undefined ? {} : { prefSrc: part.source }),
        }),
      ];
  }
}
