// Namespaces joined as a node, its pods and the world outside, and real packets between them.

import type { Netns, Sandbox, Started } from "./sandbox.ts";

const server = new URL("./echo-server.ts", import.meta.url).pathname;
const maxWaitMs = 10_000;

/** A server that answers with `name` and the client's address as it sees it; ready when this returns. */
export async function startEcho(
  box: Sandbox,
  ns: Netns,
  { protocol = "tcp", port, name }: { readonly protocol?: "tcp" | "udp"; readonly port: number; readonly name: string },
): Promise<Started> {
  const started = box.start(ns, [process.execPath, server, protocol, String(port), name]);
  for (let waited = 0; !started.output().includes("listening"); waited += 20) {
    if (waited > maxWaitMs) throw new Error(`The echo server ${name} does not listen: ${started.output()}`);
    await Bun.sleep(20);
  }
  return started;
}

/** What the server says, `name clientAddress`; the empty string when nothing answers within a second. */
export function ask(box: Sandbox, ns: Netns, address: string, port: number, protocol: "tcp" | "udp" = "tcp"): string {
  const script = `exec 3<>/dev/${protocol}/${address}/${port} && echo >&3 && head -n1 <&3`;
  return box.run(ns, ["timeout", "1", "bash", "-c", script]).stdout.trim();
}

/** Joins two namespaces by a veth pair with these addresses, which may be of both families. */
export function join(
  box: Sandbox,
  [a, aName, ...aIps]: readonly [Netns, string, ...string[]],
  [b, bName, ...bIps]: readonly [Netns, string, ...string[]],
): void {
  box.sh(a, ["ip", "link", "add", aName, "type", "veth", "peer", "name", bName, "netns", b.name]);
  for (const [ns, name, ips] of [[a, aName, aIps] as const, [b, bName, bIps] as const]) {
    for (const ip of ips) box.sh(ns, ["ip", "address", "add", ip, "dev", name, ...(ip.includes(":") ? ["nodad"] : [])]);
    box.sh(ns, ["ip", "link", "set", name, "up"]);
  }
}

/** Lets a namespace forward between its interfaces. */
export function forward(box: Sandbox, ns: Netns): void {
  const on = "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding";
  box.sh(ns, ["sh", "-c", on]);
}
