// Messages as bytes, and what the kernel's answers say.
import { describe, expect, test } from "bun:test";
import { Writer } from "#codec/codec.ts";
import { u32 } from "#codec/scalar.ts";
import { hex, toHex } from "#test/hex.ts";
import { ControlType, Flag, type Message, makeRequest, readAck, readMessages, writeMessage } from "./message.ts";

/** Header of 16 bytes: length, type, flags, sequence, port. */
function header(length: string, type: string, flags = "0000"): string {
  return `${length} ${type} ${flags} 07000000 00000000`;
}

function only(bytes: string): Message {
  const [message, ...more] = readMessages(hex(bytes));
  if (message === undefined || more.length > 0) throw new Error("Not one message");
  return message;
}

describe("writeMessage()", () => {
  test("puts the header before the body and pads the end", () => {
    const request = makeRequest(u32, 9, { type: 16, flags: Flag.create | Flag.exclusive, text: "add it" });
    expect([request.text, request.allow]).toEqual(["add it", undefined]);
    const writer = new Writer();
    writeMessage(writer, request, 7, Flag.ack);
    writeMessage(writer, { ...request, body: hex("01") }, 8, 0);
    expect(toHex(writer.finish())).toBe(
      toHex(
        hex(`14000000 1000 0506 07000000 00000000 09000000
             11000000 1000 0106 08000000 00000000 01000000`),
      ),
    );
  });
});

describe("readMessages()", () => {
  test("takes a datagram apart", () => {
    const datagram = hex(`${header("14000000", "1000", "0200")} 09000000 ${header("11000000", "0300")} 01000000`);
    const read = [...readMessages(datagram)].map(({ type, flags, sequence, body }) => {
      return { type, flags, sequence, body: toHex(body.copy(body.left)) };
    });
    expect(read).toEqual([
      { type: 16, flags: Flag.multi, sequence: 7, body: "09000000" },
      { type: ControlType.done, flags: 0, sequence: 7, body: "01" },
    ]);
  });

  test("of an empty datagram are none", () => {
    expect([...readMessages(hex(""))]).toEqual([]);
  });

  const broken: readonly (readonly [what: string, bytes: string, why: string])[] = [
    ["a length below the header's", header("0f000000", "1000"), "a message claims 15 bytes, less than its header"],
    ["more than the datagram has", header("18000000", "1000"), "needs 8 bytes, 0 left"],
  ];
  for (const [what, bytes, why] of broken) {
    test(`refuse ${what}`, () => {
      expect(() => [...readMessages(hex(bytes))]).toThrow(`Cannot decode netlink message at byte 16: ${why}`);
    });
  }
});

describe("readAck()", () => {
  const echoed = "20000000 1000 0500 07000000 00000000";
  const rows: readonly (readonly [what: string, bytes: string, errno: number, explanation: string])[] = [
    ["success", `${header("24000000", "0200")} 00000000 ${echoed}`, 0, ""],
    ["an error", `${header("24000000", "0200", "0001")} efffffff ${echoed}`, 17, ""],
    [
      "an error with the whole request",
      `${header("34000000", "0200")} efffffff ${echoed} 01010101 02020202 03030303 04040404`,
      17,
      "",
    ],
    [
      "an error with the kernel's words, the request cut to its header",
      `${header("2c000000", "0200", "0003")} eaffffff ${echoed} 0800 0100 6e6f7000`,
      22,
      "nop",
    ],
    [
      "an error with the kernel's words behind the whole request",
      `${header("3c000000", "0200", "0002")} eaffffff ${echoed} 01010101 02020202 03030303 04040404 0800 0100 6e6f7000`,
      22,
      "nop",
    ],
    [
      "words of a success, a warning",
      `${header("2c000000", "0200", "0003")} 00000000 ${echoed} 0800 0100 6e6f7000`,
      0,
      "nop",
    ],
    ["the end of a dump", `${header("14000000", "0300", "0200")} 00000000`, 0, ""],
    ["the end of a dump that failed", `${header("1c000000", "0300", "0202")} eaffffff 0800 0100 6e6f7000`, 22, "nop"],
    ["an end without a number", header("10000000", "0300"), 0, ""],
  ];
  for (const [what, bytes, errno, explanation] of rows) {
    test(`reads ${what}`, () => {
      expect(readAck(only(bytes))).toEqual({ errno, explanation });
    });
  }
});
