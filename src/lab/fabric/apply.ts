// Carries out a plan: the requests of one station are one batch of netlink.

import { writeSync } from "node:fs";
import { type Netns, openIn } from "#kernel/netns.ts";
import { familyOfCidr } from "#net/cidr.ts";
import { addAddress } from "#netlink/address.ts";
import { Connection } from "#netlink/connection.ts";
import { addLink, addVeth, removeLink, setLink } from "#netlink/link.ts";
import type { Request } from "#netlink/message.ts";
import { replaceNeighbour } from "#netlink/neighbour.ts";
import { replaceRoute } from "#netlink/route.ts";
import { type HaveStation, readStation } from "./have.ts";
import { type Operation, planFabric } from "./plan.ts";
import type { Station, StationPath } from "./station.ts";

/** The open namespaces of all stations, and a connection into each. */
export class Stations implements Disposable {
  readonly #open = new Map<StationPath, { readonly netns: Netns; readonly connection: Connection }>();

  /** Takes over the namespace. @throws KernelError */
  add(path: StationPath, netns: Netns): void {
    this.#open.set(path, { netns, connection: new Connection("route", netns) });
  }

  of(path: StationPath): { readonly netns: Netns; readonly connection: Connection } {
    const found = this.#open.get(path);
    if (found === undefined) throw new RangeError(`The namespace of ${path} is not open`);
    return found;
  }

  [Symbol.dispose](): void {
    for (const { netns, connection } of this.#open.values()) {
      connection[Symbol.dispose]();
      netns[Symbol.dispose]();
    }
    this.#open.clear();
  }
}

/** Makes the network as wanted; what was done, none when all was there. @throws KernelError at the first request that fails */
export function applyFabric(want: readonly Station[], stations: Stations): readonly Operation[] {
  const have = new Map<StationPath, HaveStation>();
  for (const station of want) {
    const { connection, netns } = stations.of(station.path);
    have.set(station.path, readStation(connection, netns, station));
  }
  const plan = planFabric(want, have);
  let batch: Operation[] = [];
  for (const [i, operation] of plan.entries()) {
    batch.push(operation);
    if (plan[i + 1]?.at === operation.at) continue;
    applyBatch(batch, stations);
    batch = [];
  }
  return plan;
}

/** All operations are of one station. */
function applyBatch(batch: readonly Operation[], stations: Stations): void {
  const [first] = batch;
  if (first === undefined) return;
  const { connection, netns } = stations.of(first.at);
  for (const operation of batch) {
    if (operation.do === "set") writeSetting(netns, operation.setting.path, operation.setting.value);
  }
  const requests = batch.flatMap((operation) => requestsOf(operation, stations));
  if (requests.length > 0) connection.apply(requests);
}

function requestsOf(operation: Operation, stations: Stations): readonly Request[] {
  switch (operation.do) {
    case "set":
      return [];
    case "remove-link":
      return [removeLink(operation.link.index, operation.link.name)];
    case "add-link": {
      const { link } = operation;
      if (link.kind === "bridge") {
        // No snooping: without a querier on the link, the bridge would forget who listens to which multicast group.
        const data = { stpState: 0, forwardDelay: 0, mcastSnooping: 0 };
        return [addLink({ name: link.name, index: link.index, mac: link.mac }, { kind: "bridge", data })];
      }
      const { name, index, mac, master, far } = link;
      const { netns } = stations.of(far.station);
      return [addVeth({ name, index, mac, master }, { name: far.name, index: far.index, mac: far.mac, netns })];
    }
    case "join":
      return [setLink(operation.index, { master: operation.master }, operation.name)];
    case "up":
      return [setLink(operation.index, { up: true })];
    case "add-address": {
      const { index, address } = operation.wish;
      return [addAddress(index, address, { noDad: familyOfCidr(address) === "ipv6", allow: ["EEXIST"] })];
    }
    case "add-route":
      return [replaceRoute(operation.wish)];
    case "set-neighbour": {
      const { index, address, mac } = operation.wish;
      return [replaceNeighbour({ ifindex: index, address, mac })];
    }
  }
}

function writeSetting(netns: Netns, path: string, value: string): void {
  using file = openIn(netns, `/proc/sys/${path}`, "write");
  writeSync(file.number, value);
}
