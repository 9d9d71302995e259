// The guest's kernel has what the host's lacks, as iproute2 sees it.
import { describe, expect, test } from "bun:test";
import { Sandbox } from "../sandbox.ts";

describe("the guest's kernel", () => {
  const veth = "link add eth0 type veth peer name eth1";
  const rows: readonly (readonly [string, string])[] = [
    ["dummy", "link add x0 type dummy"],
    ["vlan", "link add x0 link eth0 type vlan id 5"],
    ["ipvlan", "link add x0 link eth0 type ipvlan mode l2"],
    ["macvlan", "link add x0 link eth0 type macvlan mode bridge"],
    ["vrf", "link add x0 type vrf table 100"],
    ["vxlan", "link add x0 type vxlan id 7 dstport 4789 dev eth0"],
    ["geneve", "link add x0 type geneve id 7 remote 192.0.2.1"],
    ["ifb", "link add x0 type ifb"],
    ["wireguard", "link add x0 type wireguard"],
    ["ipip", "link add x0 type ipip local 192.0.2.1 remote 192.0.2.2"],
    ["tun", "tuntap add x0 mode tun"],
    ["bridge", "link add x0 type bridge vlan_filtering 1"],
  ];
  for (const [kind, command] of rows) {
    test(`makes a link of kind ${kind}`, () => {
      using box = new Sandbox();
      const ns = box.netns("kinds");
      for (const line of [veth, command]) box.sh(ns, ["ip", ...line.split(" ")]);
      const [link] = JSON.parse(box.sh(ns, ["ip", "-json", "-details", "link", "show", "dev", "x0"]));
      expect(link.linkinfo.info_kind).toBe(kind);
    });
  }

  test("filters VLANs in a bridge", () => {
    using box = new Sandbox();
    const ns = box.netns("vlans");
    box.sh(ns, ["ip", "link", "add", "br0", "type", "bridge", "vlan_filtering", "1", "vlan_default_pvid", "0"]);
    box.sh(ns, ["ip", "link", "add", "port0", "type", "veth", "peer", "name", "port1"]);
    box.sh(ns, ["ip", "link", "set", "port0", "master", "br0"]);
    box.sh(ns, ["bridge", "vlan", "add", "dev", "port0", "vid", "42", "pvid", "untagged"]);
    expect(JSON.parse(box.sh(ns, ["bridge", "-json", "vlan", "show", "dev", "port0"]))).toEqual([
      { ifname: "port0", vlans: [{ vlan: 42, flags: ["PVID", "Egress Untagged"] }] },
    ]);
  });

  test("takes a table of nftables with address translation", () => {
    using box = new Sandbox();
    const ns = box.netns("nft");
    const rules = `table ip t { chain c { type nat hook postrouting priority srcnat; ip saddr 10.1.0.0/16 masquerade; }; }`;
    box.sh(ns, ["nft", rules]);
    expect(box.sh(ns, ["nft", "list", "ruleset"])).toContain("ip saddr 10.1.0.0/16 masquerade");
  });
});
