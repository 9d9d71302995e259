// Which devices lead to the world.

import { describe, expect, test } from "bun:test";
import { ip } from "#net/ip.ts";
import { type Device, selectDevices, unservedDevices } from "./want.ts";

function device(name: string, changes: Partial<Device> = {}): Device {
  return { ifindex: 1, name, addresses: [], isDefault: false, isEthernet: true, isOwn: false, ...changes };
}

describe("selectDevices()", () => {
  const all = [
    device("lo", { isOwn: true, addresses: [ip("127.0.0.1"), ip("172.30.0.11")] }),
    device("eth0", { addresses: [ip("172.30.0.11")] }),
    device("eth1", { addresses: [ip("192.168.0.5")], isDefault: true }),
    device("eth2", { addresses: [ip("10.0.0.5")] }),
    device("twill-vxlan", { isOwn: true, isDefault: true }),
    device("wg0", { isDefault: true, isEthernet: false }),
  ];
  const rows: readonly (readonly [what: string, named: readonly string[], names: readonly string[]])[] = [
    ["those with the node's addresses or a default route", [], ["eth0", "eth1"]],
    ["those that are named", ["eth2", "eth9"], ["eth2"]],
    ["none of its own, though named", ["lo"], []],
  ];
  test("takes none without Ethernet's header, and says which", () => {
    expect(selectDevices(all, [], ["wg0", "eth2"]).map(({ name }) => name)).toEqual(["eth2"]);
    expect(unservedDevices(all, [], []).map(({ name }) => name)).toEqual(["wg0"]);
  });

  for (const [what, named, names] of rows) {
    test(`takes ${what}`, () => {
      expect(selectDevices(all, [ip("172.30.0.11")], named).map(({ name }) => name)).toEqual([...names]);
    });
  }
});
