// The frames against bytes written out by hand, and what each field says when it is wrong.
import { describe, expect, test } from "bun:test";
import { type Answer, decodeAnswer, decodeRequest, encodeAnswer, encodeRequest, FrameLimit } from "./frame.ts";
import { RequestReceiver } from "./receiver.ts";

const request = {
  caller: { net: 4n, mount: 0x1_0000_0005n, root: 2n },
  invocation: { plugin: "ptp", env: new Map([["A", "1=2"]]), stdin: new TextEncoder().encode("{}") },
};
// One row a line of the drawing in docs/shim-protocol.md.
const requestBytes = hex(
  "54575251 01000000", // TWRQ, version
  "04000000 00000000 05000000 01000000 02000000 00000000", // net, mount, root
  "03000000 06000000 02000000 00000000", // lengths, reserved
  "707470 413d313d3200 7b7d",
);

describe("requests", () => {
  test("encodeRequest() and decodeRequest() agree with the drawing", () => {
    expect([...encodeRequest(request)]).toEqual(requestBytes);
    expect(decodeRequest(new Uint8Array(requestBytes))).toEqual(request);
  });

  test("decodeRequest() reads the environment as getenv(3) does", () => {
    const rows: [string, [string, string][]][] = [
      ["", []],
      ["A=\0", [["A", ""]]],
      ["A=1\0A=2\0", [["A", "1"]]],
      ["none\0=x\0B=b\0", [["B", "b"]]],
      ["U=\u00e4\u{1f9f5}\0", [["U", "\u00e4\u{1f9f5}"]]],
    ];
    for (const [block, env] of rows) {
      expect([...decodeRequest(withEnviron(block)).invocation.env]).toEqual(env);
    }
  });

  test("decodeRequest() names the field that is wrong", () => {
    const rows: [string, (view: DataView) => void, string][] = [
      ["magic", (v) => v.setUint32(0, 7, true), "magic number 0x7 is not 0x51525754"],
      ["version", (v) => v.setUint32(4, 9, true), "version 9 is not 1"],
      ["name", (v) => v.setUint32(32, 256, true), "the name of 256 bytes is over the limit of 255"],
      [
        "environ",
        (v) => v.setUint32(36, 0xffffffff, true),
        "the environment of 4294967295 bytes is over the limit of 6291456",
      ],
      [
        "stdin",
        (v) => v.setUint32(40, 1 << 25, true),
        "the standard input of 33554432 bytes is over the limit of 16777216",
      ],
      ["reserved", (v) => v.setUint32(44, 1, true), "the reserved field holds 1 instead of 0"],
      ["short", (v) => v.setUint32(40, 3, true), "needs 3 bytes, 2 left"],
      ["long", (v) => v.setUint32(40, 1, true), "1 bytes left over"],
      ["open variable", (v) => v.setUint8(56, 1), "the last variable does not end with a NUL"],
    ];
    for (const [, spoil, problem] of rows) {
      const bytes = new Uint8Array(requestBytes);
      spoil(new DataView(bytes.buffer));
      expect(() => decodeRequest(bytes)).toThrow(problem);
    }
    expect(() => decodeRequest(new Uint8Array(requestBytes.slice(0, 40)))).toThrow(
      "Cannot decode request at byte 0: needs 48 bytes, 40 left",
    );
  });

  test("encodeRequest() refuses what the other side would refuse", () => {
    const longName = { ...request, invocation: { ...request.invocation, plugin: "x".repeat(256) } };
    expect(() => encodeRequest(longName)).toThrow("the name of 256 bytes is over the limit of 255");
    const big = { ...request, invocation: { ...request.invocation, stdin: new Uint8Array(FrameLimit.stdin + 1) } };
    expect(() => encodeRequest(big)).toThrow("standard input of 16777217 bytes");
  });
});

describe("answers", () => {
  const rows: [Answer, number[]][] = [
    [
      { action: "answer", outcome: { exitCode: 3, stdout: "ok", stderr: "\u00e4" } },
      hex("5457414e 01000000 00000000 03000000 02000000 02000000", "6f6b c3a4"),
    ],
    [{ action: "exec" }, hex("5457414e 01000000 01000000 00000000 00000000 00000000")],
  ];

  test("encodeAnswer() and decodeAnswer() agree with the drawing", () => {
    for (const [answer, bytes] of rows) {
      expect([...encodeAnswer(answer)]).toEqual(bytes);
      expect(decodeAnswer(new Uint8Array(bytes))).toEqual(answer);
    }
  });

  test("encodeAnswer() refuses exit codes that are none and output that the shim would not take", () => {
    for (const exitCode of [-1, 256, 1.5, Number.NaN]) {
      const answer: Answer = { action: "answer", outcome: { exitCode, stdout: "", stderr: "" } };
      expect(() => encodeAnswer(answer)).toThrow(`Cannot send: ${exitCode} is not an exit code`);
    }
    const outcome = { exitCode: 0, stdout: "x".repeat(FrameLimit.output), stderr: "y" };
    expect(() => encodeAnswer({ action: "answer", outcome })).toThrow("the output of 16777217 bytes is over the limit");
  });

  test("decodeAnswer() names what is wrong", () => {
    const spoiled: [number, number, string][] = [
      [0, 0, "magic number"],
      [4, 2, "version 2 is not 1"],
      [8, 2, "action 2 is neither answer (0) nor exec (1)"],
      [16, 5, "needs 5 bytes"],
      [20, 1, "1 bytes left over"],
    ];
    for (const [at, value, problem] of spoiled) {
      const bytes = new Uint8Array(rows[0]?.[1] ?? []);
      bytes[at] = value;
      expect(() => decodeAnswer(bytes)).toThrow(problem);
    }
  });
});

describe("RequestReceiver", () => {
  test("push() refuses bytes after the request", () => {
    const receiver = new RequestReceiver();
    expect(() => receiver.push(new Uint8Array([...requestBytes, 0]))).toThrow("1 bytes left over");
  });

  test("push() knows another version by its first eight bytes", () => {
    const receiver = new RequestReceiver();
    expect(receiver.push(new Uint8Array(requestBytes.slice(0, 4)))).toBe("incomplete");
    expect(receiver.push(new Uint8Array([2, 0, 0, 0]))).toBe("unknown version");
  });

  test("push() refuses a size over the limit as soon as the head is there", () => {
    const bytes = new Uint8Array(requestBytes.slice(0, 48));
    new DataView(bytes.buffer).setUint32(40, 1 << 30, true);
    expect(() => new RequestReceiver().push(bytes)).toThrow("standard input of 1073741824 bytes is over the limit");
  });
});

function withEnviron(block: string): Uint8Array {
  const environ = new TextEncoder().encode(block);
  const bytes = new Uint8Array([...requestBytes.slice(0, 51), ...environ, 0x7b, 0x7d]);
  new DataView(bytes.buffer).setUint32(36, environ.length, true);
  return bytes;
}

function hex(...rows: string[]): number[] {
  return [...Buffer.from(rows.join("").replaceAll(" ", ""), "hex")];
}
