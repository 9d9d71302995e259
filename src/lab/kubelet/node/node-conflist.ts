// The network configuration that a lab's node gets once it knows its blocks of addresses.

import { isJsonObject, type Json, type JsonObject } from "#cni/json.ts";
import type { Cidr } from "#net/cidr.ts";

/** The lab's own network: a bridge, addresses of the node's blocks, ports of the node and limits of bandwidth. */
const ownNetwork: JsonObject = {
  cniVersion: "1.0.0",
  name: "lab",
  plugins: [
    { type: "bridge", bridge: "cni0", isGateway: true, hairpinMode: true, ipMasq: false, ipam: { type: "host-local" } },
    { type: "portmap", capabilities: { portMappings: true }, snat: true },
    { type: "bandwidth", capabilities: { bandwidth: true } },
  ],
};

export const conflistName = "10-lab.conflist";

/**
 * The text of the conflist. `given` is the user's own, as JSON; in either each host-local without ranges gets the node's
 * blocks, and routes to everything if it names none. @throws SyntaxError when `given` is no JSON
 */
export function nodeConflist(given: string | undefined, blocks: readonly Cidr[]): string {
  const list: Json = given === undefined ? ownNetwork : (JSON.parse(given) as Json);
  return `${JSON.stringify(withBlocks(list, blocks), undefined, 2)}\n`;
}

function withBlocks(value: Json, blocks: readonly Cidr[]): Json {
  if (Array.isArray(value)) return value.map((each: Json) => withBlocks(each, blocks));
  if (!isJsonObject(value)) return value;
  const fields = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withBlocks(each, blocks)]));
  if (fields["type"] !== "host-local" || fields["ranges"] !== undefined || fields["subnet"] !== undefined)
    return fields;
  const routes = blocks.map((block) => ({ dst: block.includes(":") ? "::/0" : "0.0.0.0/0" }));
  return { routes, ...fields, ranges: blocks.map((block) => [{ subnet: block }]) };
}
