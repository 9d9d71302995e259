// Addresses for which the kernel answers neighbours' questions though they are nobody's here (NTF_PROXY, linux/neighbour.h).

import { families, familyOf, type Ip } from "#net/ip.ts";
import type { Connection } from "./connection.ts";
import { Flag, makeRequest, type Request } from "./message.ts";
import { emptyNeighbour, NeighbourFlag, NeighbourType, neighbourMessage } from "./neighbour.ts";

/** An address that is answered for on a link. */
export type ProxyNeighbour = { readonly ifindex: number; readonly address: Ip };

/** That there is one already is no error. */
export function addProxyNeighbour(proxy: ProxyNeighbour): Request {
  return makeRequest(neighbourMessage, messageOf(proxy), {
    type: NeighbourType.new,
    flags: Flag.create | Flag.replace,
    text: `answer for ${proxy.address} on #${proxy.ifindex}`,
  });
}

/** That there is none is no error. */
export function removeProxyNeighbour(proxy: ProxyNeighbour): Request {
  return makeRequest(neighbourMessage, messageOf(proxy), {
    type: NeighbourType.del,
    flags: 0,
    text: `answer for ${proxy.address} on #${proxy.ifindex} no more`,
    allow: ["ENOENT", "ENODEV"],
  });
}

/** Of all links and both families. @throws KernelError */
export function listProxyNeighbours(connection: Connection): readonly ProxyNeighbour[] {
  return families.flatMap((family) => {
    const value = { ...emptyNeighbour, family, flags: NeighbourFlag.proxy };
    const list = makeRequest(neighbourMessage, value, {
      type: NeighbourType.get,
      flags: 0,
      text: `list what ${family} is answered for`,
    });
    return connection
      .dump(list, (body) => neighbourMessage.decode(body))
      .flatMap(({ ifindex, flags, attrs }) =>
        (flags & NeighbourFlag.proxy) !== 0 && attrs.dst !== undefined ? [{ ifindex, address: attrs.dst }] : [],
      );
  });
}

function messageOf({ ifindex, address }: ProxyNeighbour) {
  return { ...emptyNeighbour, family: familyOf(address), ifindex, flags: NeighbourFlag.proxy, attrs: { dst: address } };
}
