// D-Bus messages as bytes.

import { describe, expect, test } from "bun:test";
import { Writer } from "#codec/codec.ts";
import { decodeReply, encodeCall, lengthOfMessage } from "./dbus-message.ts";

const hello = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
  member: "Hello",
  args: [],
};

/** Bytes as dbus-monitor --pcap shows them, a field a line. */
function bytes(...parts: readonly (string | number)[]): Uint8Array {
  const writer = new Writer();
  for (const part of parts) {
    if (typeof part === "number") writer.append(Uint8Array.of(part));
    else writer.append(new Uint8Array(Buffer.from(part, "latin1")));
  }
  return writer.finish();
}

describe("encodeCall()", () => {
  test("begins every field at a multiple of eight, and the body as well", () => {
    const expected = bytes(
      ...["l\x01\x02\x01", "\0\0\0\0", "\x01\0\0\0", "\x6d\0\0\0"],
      ...["\x01\x01o\0", "\x15\0\0\0", "/org/freedesktop/DBus\0", "\0\0"],
      ...["\x02\x01s\0", "\x14\0\0\0", "org.freedesktop.DBus\0", "\0\0\0"],
      ...["\x03\x01s\0", "\x05\0\0\0", "Hello\0", "\0\0"],
      ...["\x06\x01s\0", "\x14\0\0\0", "org.freedesktop.DBus\0", "\0\0\0"],
    );
    expect(encodeCall(hello, 1)).toEqual(expected);
    expect(lengthOfMessage(expected)).toBe(expected.length);
  });

  test("writes its arguments one after the other, with their types", () => {
    const message = encodeCall({ ...hello, args: ["trusted", "10.1.0.5/32"] }, 7);
    const text = Buffer.from(message).toString("latin1");
    expect(text).toContain("\x08\x01g\0\x02ss\0");
    expect(text).toEndWith("\x07\0\0\0trusted\0\x0b\0\0\x0010.1.0.5/32\0");
    expect(message.length % 8).toBe(4);
  });
});

describe("decodeReply()", () => {
  const signature = (types: string) => ["\x08\x01g\0", types.length, `${types}\0`];
  const serial = ["\x05\x01u\0", "\x07\0\0\0"];
  const head = (type: number, body: number, fields: number) => [
    ...["l", type, "\x01\x01"],
    ...[body, "\0\0\0", "\x02\0\0\0", fields, "\0\0\0"],
  ];

  test("reads values", () => {
    const body = ["\x02\0\0\0ab\0", "\0", "\x01\0\0\0", "\x09\0\0\0"];
    const message = bytes(...head(2, 16, 17), ...serial, ...signature("sbu"), "\0\0\0\0\0\0\0", ...body);
    // The array has 17 bytes: 8 of the serial, 4 and 1 and 4 of the signature; zeros lead to the body at 40.
    expect(decodeReply(message)).toEqual({ replySerial: 7, values: ["ab", true, 9] });
  });

  test("reads errors", () => {
    const name = ["\x04\x01s\0", "\x03\0\0\0", "a.B\0", "\0\0\0\0"];
    const body = ["\x02\0\0\0no\0"];
    const message = bytes(...head(3, 7, 31), ...serial, ...name, ...signature("s"), "\0", ...body);
    expect(decodeReply(message)).toEqual({ replySerial: 7, error: "a.B", text: "no" });
  });

  test("skips what answers nothing", () => {
    expect(decodeReply(encodeCall(hello, 1))).toBeUndefined();
  });

  test.each([
    [
      "a value that it does not know",
      bytes(...head(2, 4, 15), ...serial, ...signature("d"), "\0", 1, "\0\0\0"),
      'type "d"',
    ],
    [
      "a body that is cut",
      bytes(...head(2, 8, 15), ...serial, ...signature("s"), "\0", "\x09\0\0\0a"),
      "needs 10 bytes",
    ],
  ])("refuses %s", (_, message, problem) => {
    expect(() => decodeReply(message)).toThrow(problem);
  });
});

test("lengthOfMessage() waits for the fixed part, and refuses what nobody would say", () => {
  const message = encodeCall(hello, 1);
  expect(lengthOfMessage(message.subarray(0, 15))).toBeUndefined();
  expect(() => lengthOfMessage(new Uint8Array(Buffer.from("HTTP/1.1 400 Bad Request")))).toThrow("byte order");
  expect(() =>
    lengthOfMessage(new Uint8Array(Buffer.from("l\x02\x01\x01\0\0\0\x7f\x01\0\0\0\0\0\0\0", "latin1"))),
  ).toThrow("are more than 1048576");
});
