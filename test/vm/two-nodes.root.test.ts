// Two machines with Debian's kernel and a wire between them, each with its agent: a cluster as it is outside of a lab.
//
//   node1 (guest) ── tap1 ─┐        ┌─ tap2 ── node2 (guest)
//                          br0, API server, and the world beyond (203.0.113.1)

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Netns, Sandbox } from "../sandbox.ts";
import { startEcho } from "../traffic.ts";
import { Machine } from "./machine.ts";

setDefaultTimeout(300_000);

const project = new URL("../../", import.meta.url).pathname;
const dist = join(project, "dist");
const world = { address: "203.0.113.1", port: 7777 };
const server = new URL("../lab/api-process.ts", import.meta.url).pathname;

type Pod = { readonly node: Node; readonly name: string; readonly addresses: readonly string[] };

/** What `twill status` and `twill drops` tell, as far as it is read here. */
type Status = { readonly ready: boolean; readonly peers: readonly { readonly way: string }[] };
type Outcomes = { readonly [outcome: string]: { readonly packets: number } };

/** A machine and its agent. */
class Node {
  readonly number: number;
  readonly machine: Machine;

  constructor(number: number, machine: Machine) {
    this.number = number;
    this.machine = machine;
  }

  async prepare(kubeconfig: string): Promise<void> {
    copyFileSync(kubeconfig, join(this.machine.share, "kubeconfig"));
    await this.machine.sh(`
      ip link set eth0 up
      ip addr add 172.30.0.1${this.number}/24 dev eth0
      ip addr add fd00:30::1${this.number}/64 dev eth0 nodad
      ip route add default via 172.30.0.1
      mkdir -p /run/net.d`);
  }

  /** Resolves when a runtime would find the network. */
  async startAgent(mode: "direct" | "vxlan"): Promise<void> {
    const config = {
      state: { folder: "/run/state" },
      cni: { folder: "/run/net.d", deletes: "/run/deletes" },
      fabric: { mode },
      services: { enabled: false },
    };
    writeFileSync(join(this.machine.share, "config"), JSON.stringify(config));
    await this.machine.sh(`
      setsid ${dist}/twill agent --config /run/share/config --node node${this.number} --kubeconfig /run/share/kubeconfig >/run/share/agent.log 2>&1 &
      echo $! >/run/agent.pid
      for round in $(seq 300); do
        ${dist}/twill status >/run/status && [ -e /run/net.d/05-twill.conflist ] && exit 0
        sleep 0.2
      done
      cat /run/share/agent.log
      exit 1`);
  }

  async killAgent(): Promise<void> {
    await this.machine.sh(
      "kill -9 $(cat /run/agent.pid); while [ -e /proc/$(cat /run/agent.pid) ]; do sleep 0.05; done",
    );
  }

  /** As a container runtime does. */
  cni(command: string, name: string, runtimeConfig: object = {}): string {
    const conf = { cniVersion: "1.1.0", name: "twill", type: "twill", runtimeConfig };
    return `echo '${JSON.stringify(conf)}' | CNI_COMMAND=${command} CNI_CONTAINERID=${name} CNI_IFNAME=eth0 CNI_NETNS=/run/netns/${name} \
      CNI_PATH=/nowhere TWILL_DELETES=/run/deletes ${dist}/cni/bin/twill`;
  }

  async addPod(name: string, runtimeConfig: object = {}): Promise<Pod> {
    const printed = await this.machine.sh(`ip netns add ${name} && ${this.cni("ADD", name, runtimeConfig)}`);
    const { ips } = JSON.parse(printed) as { readonly ips: readonly { readonly address: string }[] };
    return { node: this, name, addresses: ips.map(({ address }) => address.replace(/\/.*/, "")) };
  }

  async status(): Promise<Status> {
    return JSON.parse(await this.machine.sh(`${dist}/twill status -o json`)) as Status;
  }

  async outcomes(): Promise<Outcomes> {
    return (JSON.parse(await this.machine.sh(`${dist}/twill drops -o json`)) as { readonly outcomes: Outcomes })
      .outcomes;
  }

  /** Until all peers are reached in this way. */
  async untilWay(way: "direct" | "tunnel"): Promise<void> {
    for (const end = Date.now() + 60_000; ; await Bun.sleep(200)) {
      const { peers } = await this.status();
      if (peers.length > 0 && peers.every((peer) => peer.way === way)) return;
      if (Date.now() < end) continue;
      const log = readFileSync(join(this.machine.share, "agent.log"), "utf8");
      throw new Error(`node${this.number} has peers ${JSON.stringify(peers)}, not ${way}; its agent said:\n${log}`);
    }
  }
}

function inPod({ node, name }: Pod, script: string): Promise<string> {
  return node.machine.sh(`nsenter --net=/run/netns/${name} sh -c '${script}'`);
}

function pings(address: string, more = ""): string {
  return `ping -c 1 -W 30 -n ${more} ${address}`;
}

/** What is served on port 80 of a pod, as another one sees it. */
function pageOf(address: string): string {
  return `timeout 30 bash -c "exec 3<>/dev/tcp/${address}/80; echo GET /group HTTP/1.0 >&3; echo >&3; head -n1 <&3"`;
}

/** In bytes, and bytes a second: what is sent at once, and the time that starting takes here, are off. */
const blob = { size: 2_000_000, rate: 1_000_000, leastSeconds: 1.7 };

async function secondsToFetch(to: Pod, from: Pod): Promise<number> {
  const get = `exec 3<>/dev/tcp/${from.addresses[0]}/80; echo GET /blob HTTP/1.0 >&3; echo >&3; cat <&3 | wc -c`;
  const [began, size, ended] = (await inPod(to, `date +%s.%N; timeout 60 bash -c "${get}"; date +%s.%N`)).split("\n");
  expect(Number(size)).toBeGreaterThan(blob.size);
  return Number(ended) - Number(began);
}

function bridge(box: Sandbox, netns: Netns): void {
  const commands = [
    "link add br0 up type bridge",
    "addr add 172.30.0.1/24 dev br0",
    "addr add fd00:30::1/64 dev br0 nodad",
    `addr add ${world.address}/32 dev lo`,
    ...[1, 2].flatMap((number) => [`tuntap add tap${number} mode tap`, `link set tap${number} up master br0`]),
  ];
  box.sh(netns, ["ip", "-batch", "-"], { stdin: commands.join("\n") });
}

describe("two machines with an agent each", () => {
  const box = new Sandbox();
  const nodes: Node[] = [];
  const pods: Pod[] = [];
  let slow: Pod | undefined;
  afterAll(() => box[Symbol.dispose]());

  beforeAll(async () => {
    for (const built of ["twill", "cni/bin/twill"]) {
      if (!existsSync(join(dist, built))) throw new Error(`Cannot find ${join(dist, built)}: run make build`);
    }
    const netns = box.netns("wire");
    bridge(box, netns);
    const folder = box.dir();
    const api = box.start(netns, [process.execPath, server, folder, "172.30.0.1"]);
    const boots = [1, 2].map(async (number) => {
      const machine = await Machine.boot(box, {
        netns,
        tap: `tap${number}`,
        mac: `52:54:00:00:00:0${number}`,
        modules: ["sch_fq"],
      });
      return new Node(number, machine);
    });
    nodes.push(...(await Promise.all(boots)));
    if (!api.output().includes("ready")) throw new Error(`The API server does not start: ${api.output()}`);
    await Promise.all(nodes.map((node) => node.prepare(join(folder, "kubeconfig"))));
    await Promise.all(nodes.map((node) => node.startAgent("direct")));
    pods.push(...(await Promise.all(nodes.map((node) => node.addPod("a")))));
    await startEcho(box, netns, { port: world.port, name: "world" });
  });

  /** Every packet of both families, and a connection, from each pod to the other. */
  async function speak(): Promise<void> {
    const both = [pods, pods.toReversed()] as const;
    await Promise.all(
      both.map(async ([from, to]) => {
        if (from === undefined || to === undefined) throw new Error("There are no pods");
        const asked = to.addresses.map((address) => `${pings(address)} && ${pageOf(address)}`).join(" && ");
        const printed = await inPod(from, asked);
        expect(printed.split("200 OK")).toHaveLength(to.addresses.length + 1);
      }),
    );
  }

  test("are ready, and their pods speak with each other over direct routes", async () => {
    expect((await Promise.all(nodes.map((node) => node.status()))).map(({ ready }) => ready)).toEqual([true, true]);
    expect(pods.map(({ addresses }) => addresses)).toEqual([
      ["10.244.1.1", "fd00:10:244:1::1"],
      ["10.244.2.1", "fd00:10:244:2::1"],
    ]);
    await Promise.all(pods.map((pod) => inPod(pod, "busybox httpd -p 80 -h /etc")));
    await Promise.all(nodes.map((node) => node.untilWay("direct")));
    await speak();
  });

  test("give the world their own address for their pods', and the programs count what they let through", async () => {
    const [pod] = pods;
    if (pod === undefined) throw new Error("There is no pod");
    const ask = `exec 3<>/dev/tcp/${world.address}/${world.port} && echo >&3 && head -n1 <&3`;
    expect(await inPod(pod, `timeout 30 bash -c "${ask}"`)).toBe("world 172.30.0.11\n");
    const outcomes = await pod.node.outcomes();
    expect(outcomes["forward-kernel"]?.packets).toBeGreaterThan(0);
    expect(outcomes["drop-source"]?.packets).toBe(0);
  });

  test("keep pods connected while an agent is killed and comes back", async () => {
    const [near, far] = pods;
    if (near === undefined || far === undefined) throw new Error("There are no pods");
    const { machine } = near.node;
    const flood = `setsid nsenter --net=/run/netns/a ping -i 0.1 -n ${far.addresses[0]} >/run/share/flood 2>&1 &`;
    await machine.sh(`${flood}\necho $! >/run/flood.pid`);
    await near.node.killAgent();
    const refused = await machine.run(`ip netns add late; ${near.node.cni("ADD", "late")}`);
    expect(JSON.parse(refused.output)).toMatchObject({ code: 11 });
    const late = await machine.sh(near.node.cni("DEL", "late"));
    expect([late, await machine.sh("ls /run/deletes")]).toEqual(["", "late:eth0\n"]);
    await near.node.startAgent("direct");
    expect(await machine.sh("ls /run/deletes; kill $(cat /run/flood.pid)")).toBe("");
    const printed = readFileSync(join(machine.share, "flood"), "utf8");
    const sequence = [...printed.matchAll(/icmp_seq=(\d+)/g)].map(([, number]) => Number(number));
    expect(sequence.length).toBeGreaterThan(5);
    expect(sequence).toEqual(sequence.map((_, index) => index + 1));
    await speak();
  });

  test("limit what a pod sends by the times at which its packets leave, wherever they go", async () => {
    const [near, far] = pods;
    if (near === undefined || far === undefined) throw new Error("There are no pods");
    const bandwidth = { egressRate: 8 * blob.rate, egressBurst: 8 * 50_000 };
    slow = await near.node.addPod("slow", { bandwidth });
    await near.node.machine.sh(`mkdir /run/blob; dd if=/dev/zero of=/run/blob/blob bs=${blob.size} count=1 2>&1`);
    await inPod(slow, "busybox httpd -p 80 -h /run/blob");
    expect(await near.node.machine.sh("tc qdisc show dev eth0 root")).toStartWith("qdisc fq ");
    expect(await inPod(slow, "tc qdisc show dev eth0")).not.toContain("tbf");
    for (const pod of [near, far]) expect(await secondsToFetch(pod, slow)).toBeGreaterThan(blob.leastSeconds);
  });

  test("carry packets of the same pods through the overlay when they are told to", async () => {
    await Promise.all(nodes.map((node) => node.killAgent()));
    await Promise.all(nodes.map((node) => node.startAgent("vxlan")));
    await Promise.all(nodes.map((node) => node.untilWay("tunnel")));
    await speak();
    const far = pods[1];
    if (far === undefined || slow === undefined) throw new Error("There are no pods");
    expect(await secondsToFetch(far, slow)).toBeGreaterThan(blob.leastSeconds);
  });
});
