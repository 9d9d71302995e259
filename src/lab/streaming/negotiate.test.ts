// Which protocol a request goes on with, and what the client is told when none will do.

import { describe, expect, test } from "bun:test";
import { KubeError } from "#kube/kube-error.ts";
import { thrownBy } from "#test/thrown.ts";
import { negotiate } from "./negotiate.ts";

const known = { spdy: ["v4.channel.k8s.io"], webSocket: ["v5.channel.k8s.io", "v4.channel.k8s.io"] };
const key = "dGhlIHNhbXBsZSBub25jZQ==";
const webSocket = { upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": key };

describe("negotiate()", () => {
  const agreed: readonly (readonly [what: string, headers: Readonly<Record<string, string>>, result: string])[] = [
    [
      "kubectl 1.20",
      { upgrade: "SPDY/3.1", "x-stream-protocol-version": "v4.channel.k8s.io, v3.channel.k8s.io" },
      "spdy v4",
    ],
    ["kubectl 1.30", { ...webSocket, "sec-websocket-protocol": "v5.channel.k8s.io" }, "websocket v5"],
    [
      "a library",
      { ...webSocket, upgrade: "WebSocket", "sec-websocket-protocol": "v4.channel.k8s.io" },
      "websocket v4",
    ],
  ];
  for (const [what, headers, result] of agreed) {
    test(`speaks ${result} with ${what}`, () => {
      const { transport, protocol, answer } = negotiate(headers, known);
      expect(`${transport} ${protocol.split(".")[0]}`).toBe(result);
      expect(answer).toMatch(/^HTTP\/1\.1 101 .*\r\n\r\n$/s);
    });
  }

  const refused: readonly (readonly [headers: Readonly<Record<string, string>>, reason: string, why: string])[] = [
    [{ upgrade: "h2c" }, "BadRequest", 'Cannot upgrade to "h2c": SPDY/3.1 and websocket are known'],
    [{}, "BadRequest", 'Cannot upgrade to "": SPDY/3.1 and websocket are known'],
    [
      { upgrade: "SPDY/3.1" },
      "Forbidden",
      "Cannot upgrade to SPDY/3.1: of no protocol none is known, but v4.channel.k8s.io",
    ],
    [
      { ...webSocket, "sec-websocket-protocol": "v1" },
      "Forbidden",
      "Cannot upgrade to WebSocket: of v1 none is known, but v5.channel.k8s.io, v4.channel.k8s.io",
    ],
  ];
  for (const [headers, code, why] of refused) {
    test(why, () => {
      const error = thrownBy(() => negotiate(headers, known));
      expect(error).toBeInstanceOf(KubeError);
      expect(error).toMatchObject({ code, message: why });
    });
  }
});
