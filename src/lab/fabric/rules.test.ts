// Rules at the switch as nft reads them.

import { describe, expect, test } from "bun:test";
import { type LabSpec, withMoreNodes } from "#lab/spec.ts";
import { delaysText, masqueradeText, wiresText } from "./rules.ts";
import { changeWire, formatWire } from "./wires.ts";

function lab(fields: Partial<LabSpec>): LabSpec {
  return {
    ...{
      name: "x",
      family: "ipv4",
      underlay: "l2",
      services: "proxy",
      port: 1,
      cni: undefined,
      agents: undefined,
      wires: [],
    },
    nodes: withMoreNodes([], 3),
    ...fields,
  };
}

describe("the switch's rules", () => {
  test("let pods of both families leave with the switch's address", () => {
    expect(masqueradeText(lab({ family: "dual" }))).toBe(`add table inet twill_internet
delete table inet twill_internet
table inet twill_internet {
  chain postrouting {
    type nat hook postrouting priority 100;
    oifname "internet" ip saddr 10.244.0.0/16 masquerade
    oifname "internet" ip6 saddr fd00:10:244::/56 masquerade
  }
}
`);
  });

  const cut = changeWire([], ["node2", "node1"], { cut: true });
  const worse = changeWire(cut, ["control", "node3"], { lossPercent: 0.5, delayMs: 20 });

  test("drop what is between two ports, both ways", () => {
    expect(wiresText(lab({ wires: worse }))).toBe(`add table bridge twill_wires
delete table bridge twill_wires
table bridge twill_wires {
  chain incoming {
    type filter hook prerouting priority -300;
    iifname "node1" meta mark set 101
    iifname "node2" meta mark set 102
    iifname "control" meta mark set 3
    iifname "node3" meta mark set 103
  }
  chain outgoing {
    type filter hook postrouting priority 300;
    meta mark 101 oifname "node2" drop
    meta mark 102 oifname "node1" drop
    meta mark 3 oifname "node3" numgen random mod 10000 < 50 drop
    meta mark 103 oifname "control" numgen random mod 10000 < 50 drop
  }
}
`);
  });

  test("send what is delayed to where it waits", () => {
    expect(delaysText(lab({ wires: worse }))).toBe(`add table netdev twill_delays
delete table netdev twill_delays
table netdev twill_delays {
  chain to_node3 {
    type filter hook egress device "node3" priority 0;
    meta mark 3 fwd to "w3-103"
  }
  chain to_control {
    type filter hook egress device "control" priority 0;
    meta mark 103 fwd to "w103-3"
  }
}
`);
  });
});

describe("changeWire()", () => {
  test("adds up what is done to a wire, whichever end is named first, and forgets a healed one", () => {
    const slow = changeWire([], ["b", "a"], { delayMs: 5 });
    const both = changeWire(slow, ["a", "b"], { cut: true, lossPercent: 2 });
    expect(both.map(formatWire)).toEqual(["a - b: cut, 2% lost, 5 ms each way"]);
    expect(changeWire(both, ["b", "a"], { cut: false, delayMs: 0, lossPercent: 0 })).toEqual([]);
  });
});
