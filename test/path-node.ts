// A node with its pods, wired as the agent wires them: for tests and measurements of the packet path.

import { Datapath, type EndpointEntry } from "#datapath/datapath.ts";
import { Netns } from "#kernel/netns.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { Connection } from "#netlink/connection.ts";
import { findLink } from "#netlink/link.ts";
import type { Netns as BoxNetns, Sandbox } from "#test/sandbox.ts";

const gateway = "169.254.1.1";

export type PathPod = { readonly netns: BoxNetns; readonly address: string; readonly address6: string };

/** A namespace that forwards, its connection and, unless `programs` is false, its packet path. */
export class PathNode implements Disposable {
  readonly netns: BoxNetns;
  readonly number: number;
  readonly #box: Sandbox;
  readonly #stack = new DisposableStack();
  readonly #connection: Connection;
  readonly #path: Datapath | undefined;
  readonly #entries = new Map<string, EndpointEntry>();
  #pods = 0;

  constructor(box: Sandbox, number: number, { programs = true, kernelTranslates = false } = {}) {
    this.#box = box;
    this.number = number;
    this.netns = box.netns(`node${number}`);
    this.#connection = this.#stack.use(new Connection("route", this.#stack.use(new Netns(this.netns.path))));
    for (const name of ["ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv4/conf/lo/accept_local"]) {
      this.sh("sh", "-c", `echo 1 > /proc/sys/net/${name}`);
    }
    if (!programs) return;
    this.#path = this.#stack.use(new Datapath({ pins: undefined, kernelTranslates }));
    this.#path.attachPods(this.#connection);
  }

  get path(): Datapath {
    if (this.#path === undefined) throw new Error("This node has no programs");
    return this.#path;
  }

  sh(...command: readonly string[]): string {
    return this.#box.sh(this.netns, command);
  }

  /** A command of ip(8), in one string. */
  ip(command: string): void {
    this.sh("ip", ...command.split(" "));
  }

  #ipBatch(netns: BoxNetns, commands: readonly string[]): void {
    this.#box.sh(netns, ["ip", "-batch", "-"], { stdin: commands.join("\n") });
  }

  addPod(): PathPod {
    const number = ++this.#pods;
    const netns = this.#box.netns(`pod${this.number}-${number}`);
    const address = `10.244.${this.number}.${number}`;
    const address6 = `fd00:10:244:${this.number}::${number}`;
    const [host, peer] = [`02:00:00:00:0${number}:ff`, `02:00:00:00:0${number}:01`];
    this.ip(`link add tw${number} address ${host} type veth peer eth0 address ${peer} netns ${netns.name}`);
    const ifindex = findLink(this.#connection, `tw${number}`)?.index ?? 0;
    if (this.#path !== undefined) this.#connection.apply([this.#path.joinBlocks(ifindex)]);
    const ways = [address, address6].flatMap((own) => [
      `route add ${own} dev tw${number}`,
      `neigh add ${own} lladdr ${peer} dev tw${number}`,
    ]);
    this.#ipBatch(this.netns, [`link set tw${number} up`, ...ways]);
    const inPod = [
      "link set lo up",
      "link set eth0 up",
      `addr add ${address}/32 dev eth0`,
      `addr add ${address6}/128 dev eth0 nodad`,
      `route add ${gateway} dev eth0`,
      `neigh add ${gateway} lladdr ${host} dev eth0`,
      `route add default via ${gateway}`,
      `neigh add fe80::1 lladdr ${host} dev eth0`,
      "route add default via fe80::1 dev eth0",
    ];
    this.#ipBatch(netns, inPod);
    const macs = { mac: mac(peer), hostMac: mac(host) };
    const entry = { id: number, ifindex, mtu: 1500, ...macs, ipv4: ip(address), ipv6: ip(address6), policySet: 0 };
    this.#entries.set(address, entry);
    this.#path?.setEndpoint(entry);
    return { netns, address, address6 };
  }

  /** What policies make of a pod. */
  setPolicySet({ address }: PathPod, policySet: number): void {
    const entry = this.#entries.get(address);
    if (entry !== undefined) this.path.setEndpoint({ ...entry, policySet });
  }

  /** How much fits into a pod, at the node's end of its link. */
  resize({ address }: PathPod, mtu: number): void {
    const entry = this.#entries.get(address);
    if (entry === undefined) return;
    this.ip(`link set tw${entry.id} mtu ${mtu}`);
    this.path.setEndpoint({ ...entry, mtu });
  }

  /** A wire to another node, which has `eth0` as well; both in 172.30.0.0/24. */
  connect(other: PathNode): void {
    this.ip(`link add eth0 type veth peer eth0 netns ${other.netns.name}`);
    for (const node of [this, other]) {
      node.ip(`addr add ${node.address}/24 dev eth0`);
      node.ip("link set eth0 up");
    }
  }

  get address(): string {
    return `172.30.0.${this.number}`;
  }

  /** The programs of a device of the node. */
  receive(device: string): void {
    const ifindex = findLink(this.#connection, device)?.index ?? 0;
    this.path.attachDevice(this.#connection, ifindex, "from_net");
    this.path.attachDevice(this.#connection, ifindex, "to_net");
  }

  /** The kernel's route to the other's pods, and the program that receives theirs. */
  routeTo(other: PathNode): void {
    this.ip(`route add 10.244.${other.number}.0/24 via ${other.address}`);
    if (this.#path === undefined) return;
    this.#path.attachDevice(this.#connection, findLink(this.#connection, "eth0")?.index ?? 0, "from_net");
    const block = cidr(`10.244.${other.number}.0/24`);
    this.#path.setPeer({ block, node: ip(other.address), mac: mac("02:00:00:00:99:99"), tunnel: false });
  }

  /** The overlay to another node. */
  tunnelTo(other: PathNode): void {
    const own = `02:00:00:00:99:0${this.number}`;
    this.ip(`link add twill-vxlan address ${own} type vxlan external dstport 8472 nolearning`);
    this.ip("link set twill-vxlan up");
    const ifindex = findLink(this.#connection, "twill-vxlan")?.index ?? 0;
    this.path.set({ tunnelIfindex: ifindex, tunnelId: 1, tunnelMac: mac(own), tunnelPort: 8472 });
    this.path.attachDevice(this.#connection, ifindex, "from_overlay");
    this.meet(other);
  }

  /** What the packet path is told of another node that the overlay leads to: its pods, and its own address. */
  meet(other: PathNode): void {
    const theirs = `02:00:00:00:99:0${other.number}`;
    for (const block of [`10.244.${other.number}.0/24`, `fd00:10:244:${other.number}::/64`, `${other.address}/32`]) {
      this.path.setPeer({ block: cidr(block), node: ip(other.address), mac: mac(theirs), tunnel: true });
    }
  }

  /** The kernel's own routes through the overlay, for what the programs leave to it. */
  routeThroughTunnel(other: PathNode): void {
    const first = `10.244.${other.number}.0`;
    this.ip(`route add ${first}/24 encap ip id 1 dst ${other.address} via ${first} dev twill-vxlan onlink`);
    this.ip(`neigh add ${first} lladdr 02:00:00:00:99:0${other.number} dev twill-vxlan`);
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}
