// What an agent that served services leaves to others: connections that are open stay as they are, new ones are not ours any more.

import { Announcer } from "#agent/announce/announcer.ts";
import { detachSockets } from "#datapath/sockets.ts";
import { readSysctlIfThere, writeSysctl } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import { releasePorts, reservedPortsPath } from "./port-range.ts";
import { openRefusals } from "./refusals.ts";

/**
 * For an agent that does not serve services, over what an earlier one has made. Sockets that have asked go on to see services' addresses
 * in what they receive, and ports of translated connections stay theirs until `releaseReservedPorts`. @throws KernelError, NftError
 */
export function leaveServices(host: Host, pins: string, log: (line: string) => void): void {
  detachSockets(pins, { keepAnswers: true });
  openRefusals(host).remove();
  using announcer = new Announcer({ connection: host.route(), netns: host.netns, log });
  announcer.ensure([], []);
}

/** For a node that is to forget Twill. @throws KernelError */
export function releaseReservedPorts(host: Pick<Host, "netns">): void {
  const reserved = readSysctlIfThere(host.netns, reservedPortsPath) ?? "";
  const released = releasePorts(reserved);
  // An empty write changes nothing: a line's end empties it.
  if (released !== reserved) writeSysctl(host.netns, reservedPortsPath, `${released}\n`);
}
