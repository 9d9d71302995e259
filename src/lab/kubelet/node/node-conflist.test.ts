// Conflists of nodes: the node's blocks where addresses come from.
import { expect, test } from "bun:test";
import { parseNetworkList } from "#cni/conflist.ts";
import { cidr } from "#net/cidr.ts";
import { nodeConflist } from "./node-conflist.ts";

const blocks = [cidr("10.244.1.0/24"), cidr("fd00:10:244:1::/64")];
const ranges = [[{ subnet: "10.244.1.0/24" }], [{ subnet: "fd00:10:244:1::/64" }]];

test("the lab's own network hands out the node's blocks", () => {
  const list = parseNetworkList(nodeConflist(undefined, blocks), "the list");
  expect(list.plugins.map(({ type }) => type)).toEqual(["bridge", "portmap", "bandwidth"]);
  const routes = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }];
  expect(list.plugins[0]?.config["ipam"]).toEqual({ type: "host-local", routes, ranges });
});

test("a given one keeps what it says, and gets blocks where it says none", () => {
  const given = (ipam: object) => JSON.stringify({ name: "x", plugins: [{ type: "ptp", ipam }] });
  const ipamOf = (ipam: object) => JSON.parse(nodeConflist(given(ipam), blocks)).plugins[0].ipam;
  expect(ipamOf({ type: "host-local", routes: [] })).toEqual({ type: "host-local", routes: [], ranges });
  for (const own of [
    { type: "host-local", subnet: "10.0.0.0/8" },
    { type: "static", addresses: [] },
  ]) {
    expect(ipamOf(own)).toEqual(own);
  }
});
