// Hardware addresses: what is read and how it is written.
import { describe, expect, test } from "bun:test";
import { hex } from "#test/hex.ts";
import { isInterfaceMac, mac, macBytes, macFromBytes, parseMac, randomMac } from "./mac.ts";

describe("mac()", () => {
  for (const text of ["02:42:ac:11:00:02", "02:42:AC:11:00:02", "02-42-ac-11-00-02"]) {
    test(`reads ${text}`, () => {
      expect(mac(text) as string).toBe("02:42:ac:11:00:02");
      expect(macBytes(mac(text))).toEqual(hex("0242ac110002"));
    });
  }

  for (const text of [
    "",
    "02:42:ac:11:00",
    "02:42:ac:11:00:02:03",
    "0242ac110002",
    "2:42:ac:11:0:2",
    "02:42:ac:11:00:0g",
  ]) {
    test(`refuses "${text}"`, () => {
      expect(parseMac(text)).toBeUndefined();
      expect(() => mac(text)).toThrow(`"${text}" is not a hardware address like 02:42:ac:11:00:02`);
    });
  }

  test("is six bytes", () => {
    expect(macFromBytes(hex("0242ac110002"))).toBe(mac("02:42:ac:11:00:02"));
    expect(() => macFromBytes(hex("0242"))).toThrow("A hardware address has 6 bytes, not 2");
  });
});

describe("randomMac()", () => {
  test("keeps what it was given but for the two low bits of the first byte", () => {
    const [all, none] = [0xff, 0x00].map((value) => randomMac((bytes) => bytes.fill(value)));
    expect([all, none]).toEqual([mac("fe:ff:ff:ff:ff:ff"), mac("02:00:00:00:00:00")]);
  });
});

test("isInterfaceMac() refuses those of groups, and zero", () => {
  const addresses = [
    "02:42:ac:11:00:02",
    "00:00:00:00:00:01",
    "01:00:5e:00:00:01",
    "ff:ff:ff:ff:ff:ff",
    "00:00:00:00:00:00",
  ];
  expect(addresses.map((each) => isInterfaceMac(mac(each)))).toEqual([true, true, false, false, false]);
});
