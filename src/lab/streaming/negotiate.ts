// Which protocol a request that wants to leave HTTP goes on with.

import type { IncomingHttpHeaders } from "node:http";
import { kubeError } from "#kube/kube-error.ts";
import { acceptWebSocket } from "./websocket/handshake.ts";

export type Known = { readonly spdy: readonly string[]; readonly webSocket: readonly string[] };

/** `answer` is the head that ends HTTP. */
export type Agreed = {
  readonly transport: "spdy" | "websocket";
  readonly protocol: string;
  readonly answer: string;
};

/** @throws KubeError: Forbidden lets kubectl try another transport. */
export function negotiate(headers: IncomingHttpHeaders, known: Known): Agreed {
  const upgrade = (headers.upgrade ?? "").toLowerCase();
  if (upgrade === "websocket") {
    const { protocol, answer, why } = acceptWebSocket(headers, known.webSocket);
    if (protocol === undefined) throw kubeError("Forbidden", `Cannot upgrade to WebSocket: ${why}`);
    return { transport: "websocket", protocol, answer };
  }
  if (upgrade !== "spdy/3.1") {
    throw kubeError("BadRequest", `Cannot upgrade to "${upgrade}": SPDY/3.1 and websocket are known`);
  }
  const offered = namesIn(headers["x-stream-protocol-version"]);
  const protocol = offered.find((each) => known.spdy.includes(each));
  if (protocol === undefined) {
    const both = `of ${offered.join(", ") || "no protocol"} none is known, but ${known.spdy.join(", ")}`;
    throw kubeError("Forbidden", `Cannot upgrade to SPDY/3.1: ${both}`);
  }
  const answer =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n" +
    `X-Stream-Protocol-Version: ${protocol}\r\n\r\n`;
  return { transport: "spdy", protocol, answer };
}

/** A header that may come several times, or once with commas. */
function namesIn(header: string | readonly string[] | undefined): readonly string[] {
  return [header ?? []].flat().flatMap((each) => each.split(",").map((name) => name.trim()));
}
