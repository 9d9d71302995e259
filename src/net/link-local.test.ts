// Link-local addresses by hardware address, as the kernel makes them.

import { expect, test } from "bun:test";
import { linkLocalOf } from "./link-local.ts";
import { mac } from "./mac.ts";

const rows: readonly (readonly [hardware: string, address: string])[] = [
  ["00:00:5e:00:53:01", "fe80::200:5eff:fe00:5301"],
  ["02:00:00:00:00:01", "fe80::ff:fe00:1"],
];
for (const [hardware, address] of rows) {
  test(`linkLocalOf(${hardware}) is ${address}`, () => {
    expect<string>(linkLocalOf(mac(hardware))).toBe(address);
  });
}
