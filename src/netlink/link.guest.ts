// Kinds of links that only a full kernel has, seen by ip(8).
import { expect, test } from "bun:test";
import { parentIndex, testLinkKinds } from "#test/link-kinds.ts";
import { NetlinkBox } from "#test/netlink-box.ts";
import { findLink } from "./link.ts";

const parent = parentIndex;

testLinkKinds([
  { info: { kind: "dummy" }, settings: { mtu: 1400 }, seen: { mtu: 1400 } },
  { info: { kind: "wireguard" }, seen: {} },
  { info: { kind: "vrf", data: { table: 100 } }, seen: { linkinfo: { info_kind: "vrf", info_data: { table: 100 } } } },
  ...(["802.1q", "802.1ad"] as const).map((protocol) => ({
    info: { kind: "vlan", data: { id: 42, protocol } } as const,
    settings: { parent },
    seen: {
      link: "parent",
      linkinfo: { info_kind: "vlan", info_data: { id: 42, protocol: protocol.replace("q", "Q") } },
    },
  })),
  ...(["l2", "l3", "l3s"] as const).map((mode) => ({
    info: { kind: "ipvlan", data: { mode, flags: "private" } } as const,
    settings: { parent },
    seen: { link: "parent", linkinfo: { info_kind: "ipvlan", info_data: { mode, private: true } } },
  })),
  {
    info: { kind: "bridge", data: { vlanFiltering: 1, vlanProtocol: 0x88a8, vlanDefaultPvid: 7 } },
    seen: { linkinfo: { info_data: { vlan_filtering: 1, vlan_protocol: "802.1ad", vlan_default_pvid: 7 } } },
  },
]);

test("a kind that is not known here keeps its name", () => {
  using at = new NetlinkBox();
  at.ip("link", "add", "x0", "type", "geneve", "id", "7", "remote", "192.0.2.1");
  expect(findLink(at.route, "x0")?.info).toEqual({ kind: "other", name: "geneve" });
});
