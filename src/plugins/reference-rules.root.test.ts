// Rules as later releases of the reference write them by nftables; Debian's release, which test/switch-over.root.test.ts runs, has iptables alone.

import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { ifAddr } from "#net/cidr.ts";
import type { OpenHost } from "#plugins/host.ts";
import { testHost } from "#test/host.ts";
import { Sandbox } from "#test/sandbox.ts";
import { removeReferenceMasquerade, removeReferencePass, removeReferencePorts } from "./reference-rules.ts";

const owner = { network: "net", containerId: "c1", ifname: "eth0", plugin: "any" };
const addresses = [ifAddr("10.1.0.5/24"), ifAddr("fd01::5/64")];
const sha = (text: string) => createHash("sha512").update(text).digest("hex").slice(0, 16);

const rows: readonly {
  readonly what: string;
  readonly table: string;
  readonly remove: (host: OpenHost) => void;
  /** Each rule, and whether it stays. */
  readonly rules: readonly (readonly [chain: string, rule: string, stays: boolean])[];
}[] = [
  {
    what: "masquerading of bridge and ptp",
    table: "inet cni_plugins_masquerade",
    remove: (host) => removeReferenceMasquerade(host, owner),
    rules: [
      [
        "masq_checks",
        `ip saddr 10.1.0.5 ip daddr != 10.1.0.0/24 masquerade comment "${sha("net")}-${sha("eth0:c1")}, net: net"`,
        false,
      ],
      [
        "masq_checks",
        `ip saddr 10.1.0.6 ip daddr != 10.1.0.0/24 masquerade comment "${sha("net")}-${sha("eth0:c2")}, net: net"`,
        true,
      ],
      [
        "masq_checks",
        `ip saddr 10.1.0.5 ip daddr != 10.1.0.0/24 masquerade comment "${sha("red")}-${sha("eth0:c1")}, net: red"`,
        true,
      ],
    ],
  },
  {
    what: "ports of portmap",
    table: "ip cni_hostport",
    remove: (host) => removeReferencePorts(host, owner, addresses),
    rules: [
      ["hostports", 'tcp dport 80 dnat to 10.1.0.5:80 comment "c1"', false],
      ["hostip_hostports", 'ip daddr 192.0.2.1 udp dport 53 dnat to 10.1.0.5:53 comment "c1"', false],
      ["masquerading", 'ip saddr 10.1.0.5 ip daddr 10.1.0.5 masquerade comment "c1"', false],
      ["hostports", 'tcp dport 81 dnat to 10.2.0.5:80 comment "c1"', true],
      ["hostports", 'tcp dport 82 dnat to 10.1.0.5:80 comment "c2"', true],
    ],
  },
  {
    what: "ports of portmap for IPv6",
    table: "ip6 cni_hostport",
    remove: (host) => removeReferencePorts(host, owner, addresses),
    rules: [
      ["hostports", 'tcp dport 80 dnat to [fd01::5]:80 comment "c1"', false],
      ["hostports", 'tcp dport 80 dnat to [fd02::5]:80 comment "c1"', true],
    ],
  },
  {
    what: "addresses of firewall",
    table: "ip filter",
    remove: (host) => removeReferencePass(host, addresses),
    rules: [
      ["CNI-FORWARD", "ip daddr 10.1.0.5 ct state established,related counter accept", false],
      ["CNI-FORWARD", "ip saddr 10.1.0.5 counter accept", false],
      ["CNI-FORWARD", "ip saddr 10.1.0.50 counter accept", true],
      ["CNI-FORWARD", 'iifname "br0" counter accept', true],
    ],
  },
];

describe("the reference's rules go, and nobody else's:", () => {
  for (const { what, table, remove, rules } of rows) {
    test(what, () => {
      using box = new Sandbox();
      const node = box.netns("node");
      using host = testHost(box, node);
      remove(host);
      const chains = [...new Set(rules.map(([chain]) => chain))].map(
        (chain) => `add chain ${table} ${chain} { type nat hook postrouting priority 0; }`,
      );
      const usable = table.endsWith("filter") ? chains.map((chain) => chain.replace(/ \{.*/, "")) : chains;
      const natLike = usable.map((chain) =>
        chain.includes("hostports") ? chain.replace("postrouting", "prerouting") : chain,
      );
      const made = rules.map(([chain, rule]) => `add rule ${table} ${chain} ${rule}`);
      box.sh(node, ["nft", "-f", "-"], { stdin: [`add table ${table}`, ...natLike, ...made].join("\n") });
      const listed = () => box.sh(node, ["nft", "--stateless", "list", "ruleset"]).split("\n");
      const before = listed();
      remove(host);
      const after = listed();
      expect(before.filter((line) => !after.includes(line))).toHaveLength(rules.filter(([, , stays]) => !stays).length);
      expect(after).toHaveLength(before.length - rules.filter(([, , stays]) => !stays).length);
      remove(host);
      expect(listed()).toEqual(after);
    });
  }
});
