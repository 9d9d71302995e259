// Events as bytes of a datagram.
import { describe, expect, test } from "bun:test";
import { hex } from "#test/hex.ts";
import { readEvents } from "./monitor.ts";

/** A message with its header: length, type, flags, sequence, port. */
function message(type: string, body: string): string {
  const length = hex(body).length + 16;
  const digits = (length & 0xff).toString(16).padStart(2, "0") + (length >> 8).toString(16).padStart(2, "0");
  return `${digits}0000 ${type}00 0000 00000000 00000000 ${body.replace(/#.*$/gm, "")} `;
}

const name = "0700 0300 76300000";
const address = "02 18 80 00 0a000000 0800 0200 0a000001";
const neighbour = "02000000 0a000000 8000 00 00 0800 0100 0a000009";
const fdb = "07000000 0a000000 8000 02 00 0a00 0200 02000000 000a0000";

describe("readEvents()", () => {
  const rows: readonly (readonly [what: string, bytes: string, shown: readonly string[]])[] = [
    ["a link", message("10", `00000000 0a000000 00000000 00000000 ${name}`), ["link set"]],
    ["a link that goes", message("11", `00000000 0a000000 00000000 00000000 ${name}`), ["link removed"]],
    ["a port that leaves its bridge", message("11", `07000000 0a000000 00000000 00000000 ${name}`), []],
    ["an address", message("14", address), ["address set"]],
    ["an address that goes", message("15", address), ["address removed"]],
    ["a neighbour", message("1c", neighbour), ["neighbour set"]],
    ["a neighbour that goes", message("1d", neighbour), ["neighbour removed"]],
    ["a forwarding entry", message("1c", fdb), ["fdb set"]],
    ["a route", message("18", "02 18 00 00 fe 03 00 01 00000000 0800 0100 0a010000"), ["route set"]],
    ["a cached route", message("18", "02 20 00 00 fe 03 00 01 00020000 0800 0100 0a010001"), []],
    ["several at once", message("14", address) + message("1d", neighbour), ["address set", "neighbour removed"]],
    ["what nobody asked for", message("24", "00000000 0a000000 00000000 ffffffff 00000000"), []],
    ["half a message after a whole one", message("14", address) + message("14", "02 18"), ["address set", "resync"]],
  ];
  for (const [what, bytes, shown] of rows) {
    test(`reads ${what}`, () => {
      const events = readEvents(hex(bytes));
      expect(events.map((event) => ("change" in event ? `${event.kind} ${event.change}` : event.kind))).toEqual([
        ...shown,
      ]);
    });
  }
});
