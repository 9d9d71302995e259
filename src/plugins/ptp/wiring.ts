// The addresses and routes of a routed veth pair, as requests to the kernel.
//
//   container                                                        node
//   eth0 10.7.0.5/24                                      vethXXXX 10.7.0.1/32
//   10.7.0.1 dev eth0, 10.7.0.0/24 via 10.7.0.1      10.7.0.5 dev vethXXXX

import type { IpConfig, Result } from "#cni/result.ts";
import { addressOf, contains, familyOfCidr, hostCidr, hostIfAddr, lengthOf, networkOf } from "#net/cidr.ts";
import { bitsOf, familyOf, type Ip } from "#net/ip.ts";
import { addAddress } from "#netlink/address.ts";
import { setLink } from "#netlink/link.ts";
import type { Request } from "#netlink/message.ts";
import { addRoute, appendRoute, replaceRoute } from "#netlink/route.ts";
import { toRoute } from "#plugins/container.ts";
import type { VethPair } from "#plugins/veth.ts";

/** An address and the node's end that it goes by. */
export type RoutedIp = IpConfig & { readonly gateway: Ip };

/** The node's end has the gateways as its own addresses, and a route to each address of the container. */
export function nodeRequests({ hostIndex, hostName }: VethPair, ips: readonly RoutedIp[]): readonly Request[] {
  return ips.flatMap(({ address, gateway }) => [
    addAddress(hostIndex, hostIfAddr(gateway), {
      dev: hostName,
      noDad: familyOf(gateway) === "ipv6",
      allow: ["EEXIST"],
    }),
    replaceRoute({ dst: hostCidr(addressOf(address)), oif: hostIndex, scope: "link" }),
  ]);
}

/**
 * The container keeps its prefix length for show, but reaches its subnet through the gateway: nothing but the node is on
 * the wire.
 */
export function containerRequests(
  { containerIndex: index }: VethPair,
  name: string,
  { ips, routes: given }: { readonly ips: readonly RoutedIp[]; readonly routes: Result["routes"] },
): readonly Request[] {
  const addresses = ips.map(({ address }) =>
    addAddress(index, address, { dev: name, noDad: familyOfCidr(address) === "ipv6", noPrefixRoute: true }),
  );
  const links = ips.flatMap(({ address, gateway }) => {
    const prefSrc = addressOf(address);
    const toGateway = addRoute({ dst: hostCidr(gateway), oif: index, scope: "link", prefSrc }, ["EEXIST"]);
    if (lengthOf(address) === bitsOf(familyOf(prefSrc))) return [toGateway];
    return [toGateway, addRoute({ dst: networkOf(address), gateway, oif: index, prefSrc }, ["EEXIST"])];
  });
  const routes = given.map((wanted) => {
    const route = toRoute(wanted, ips, index);
    // With the subnet behind the gateway, the kernel would not take another of its addresses for a neighbour.
    const onLink = wanted.gw !== undefined && isOtherNeighbour(wanted.gw, ips);
    return appendRoute({ ...route, onLink }, ["EEXIST"]);
  });
  return [...addresses, setLink(index, { up: true }, name), ...links, ...routes];
}

function isOtherNeighbour(gateway: Ip, ips: readonly RoutedIp[]): boolean {
  const own = ips.some((ip) => ip.gateway === gateway || addressOf(ip.address) === gateway);
  return !own && ips.some(({ address }) => contains(networkOf(address), gateway));
}
