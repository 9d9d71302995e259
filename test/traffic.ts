// Namespaces joined as a node, its pods and the world outside, and real packets between them.

import type { Netns, Sandbox, Started } from "./sandbox.ts";
import { skipDuplicateChecks } from "./settled.ts";

const server = new URL("./echo-server.ts", import.meta.url).pathname;
const maxWaitMs = 30_000;

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

/** What the server says, `name clientAddress`; the empty string when nothing answers, for as long as a busy machine may take. */
export function ask(
  box: Sandbox,
  ns: Netns,
  address: string,
  port: number,
  protocol: "tcp" | "udp" = "tcp",
  seconds = 15,
): string {
  const script = `exec 3<>/dev/${protocol}/${address}/${port} && echo >&3 && head -n1 <&3`;
  return box.run(ns, ["timeout", String(seconds), "bash", "-c", script]).stdout.trim();
}

/** As `ask`, but it waits for a second only: of somebody who is not to answer, or who will be asked again. */
export function askBriefly(box: Sandbox, ns: Netns, address: string, port: number): string {
  return ask(box, ns, address, port, "tcp", 1);
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

/** A node with pods on bridges, and a machine outside that knows only the node. */
export type World = { readonly node: Netns; readonly outside: Netns };

/** The node is 192.0.2.1 and fd02::1 to `outside`, 192.0.2.2 and fd02::2. */
export function makeWorld(box: Sandbox): World {
  const [node, outside] = [box.netns("node"), box.netns("outside")];
  // A router asks for neighbours by its link-local address, which it would first watch for duplicates.
  skipDuplicateChecks(box, node, outside);
  join(box, [node, "vout", "192.0.2.1/24", "fd02::1/64"], [outside, "eth0", "192.0.2.2/24", "fd02::2/64"]);
  forward(box, node);
  return { node, outside };
}

/** A bridge of the node with 10.`net`.0.1/24 and fd0`net`::1/64. */
export function addBridge(box: Sandbox, { node }: World, name: string, net: number): void {
  box.sh(node, ["ip", "link", "add", name, "type", "bridge"]);
  box.sh(node, ["ip", "address", "add", `10.${net}.0.1/24`, "dev", name]);
  box.sh(node, ["ip", "address", "add", `fd0${net}::1/64`, "dev", name, "nodad"]);
  box.sh(node, ["ip", "link", "set", name, "up"]);
}

/** A pod on that bridge with 10.`net`.0.`host`/24 and fd0`net`::`host`/64 on its eth0. */
export function addPod(box: Sandbox, { node }: World, bridge: string, net: number, host: number): Netns {
  const pod = box.netns(`pod${net}-${host}`);
  const near = `v${net}x${host}`;
  join(box, [node, near], [pod, "eth0", `10.${net}.0.${host}/24`, `fd0${net}::${host}/64`]);
  box.sh(node, ["ip", "link", "set", near, "master", bridge]);
  box.sh(pod, ["ip", "route", "add", "default", "via", `10.${net}.0.1`]);
  box.sh(pod, ["ip", "-6", "route", "add", "default", "via", `fd0${net}::1`]);
  return pod;
}

/** What a bridge plugin would have answered for that pod. */
export function podResult(pod: Netns, bridge: string, net: number, host: number) {
  return {
    cniVersion: "1.1.0",
    interfaces: [{ name: bridge }, { name: `v${net}x${host}` }, { name: "eth0", sandbox: pod.path }],
    ips: [
      { interface: 2, address: `10.${net}.0.${host}/24` },
      { interface: 2, address: `fd0${net}::${host}/64` },
    ],
  };
}
