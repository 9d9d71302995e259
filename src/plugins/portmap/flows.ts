// UDP has no end that the kernel could see: a sender that goes on keeps its old translation, and must be made to forget it.

import { addressOf, familyOfCidr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";
import { forgetConnections } from "#netlink/conntrack.ts";
import type { Host } from "#plugins/host.ts";
import type { PortmapRecord } from "./conf.ts";
import { isAnyAddress, mappingsOf } from "./table.ts";

/** Forgets where packets to the mapped ports went before, to the node itself or to a former container. @throws KernelError */
export function forgetNewUdp(host: Host, record: PortmapRecord): void {
  forget(host, record, () => undefined);
}

/** Forgets only what leads to this container: the port may be another one's by now. @throws KernelError */
export function forgetOwnUdp(host: Host, record: PortmapRecord): void {
  forget(host, record, (pod) => pod);
}

function forget(host: Host, record: PortmapRecord, replySrc: (pod: Ip) => Ip | undefined): void {
  if (!record.mappings.some(({ protocol }) => protocol === "udp")) return;
  const connection = host.netfilter();
  for (const pod of record.addresses) {
    for (const { protocol, hostIP, hostPort } of mappingsOf(record, pod)) {
      if (protocol !== "udp") continue;
      forgetConnections(connection, familyOfCidr(pod), {
        protocol,
        originalDstPort: hostPort,
        originalDst: isAnyAddress(hostIP) ? undefined : hostIP,
        replySrc: replySrc(addressOf(pod)),
      });
    }
  }
}
