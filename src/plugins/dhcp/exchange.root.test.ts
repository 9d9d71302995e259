// The client against a server that misbehaves as told: one that loses, refuses, delays, forgets and answers others.
import { expect, setDefaultTimeout, test } from "bun:test";
import { decode } from "#codec/codec.ts";
import { Netns } from "#kernel/netns.ts";
import { EtherType, PacketSocket } from "#kernel/packet-socket.ts";
import { type Ip, ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { decodeUdpFrame, encodeUdpFrame, type UdpFrame } from "#net/udp-frame.ts";
import { cable, DhcpNode, podMac, resultOf } from "#test/dhcp-node.ts";
import { type Netns as BoxNetns, Sandbox } from "#test/sandbox.ts";
import { until } from "#test/until.ts";
import { encodeMessage, type Message, message } from "./message.ts";
import { type messageTypes, option, readOption, writeOption } from "./option.ts";

setDefaultTimeout(120_000);

type Type = keyof typeof messageTypes;
type Reply = {
  readonly type: Type;
  readonly address?: Ip;
  readonly change?: Partial<Message>;
  readonly without?: number;
};
/** The answer to the nth message of the client, counted from 0; undefined: silence. */
type Script = (type: Type, n: number, asked: Message) => Reply | undefined;

const serverMac = mac("02:00:00:00:00:01");
const serverIp = ip("10.7.0.1");
const leaseSeconds = 4;

/** Answers by script; `heard` are the client's messages with the frames they came in. */
class ScriptedServer implements Disposable {
  readonly heard: { readonly type: Type; readonly frame: UdpFrame; readonly asked: Message }[] = [];
  readonly #socket: PacketSocket;
  #ended = false;

  constructor(ns: BoxNetns, ifindex: number) {
    using netns = new Netns(ns.path);
    this.#socket = new PacketSocket(netns, ifindex, { etherType: EtherType.ipv4, filter: [] });
  }

  async serve(script: Script): Promise<void> {
    await this.#socket.listen();
    this.#loop(script).catch((error: unknown) => {
      if (!this.#ended) throw error;
    });
  }

  async #loop(script: Script): Promise<void> {
    while (!this.#ended) {
      const frame = await this.#socket.receive(100);
      const datagram = frame === undefined ? undefined : decodeUdpFrame(frame);
      if (datagram?.dstPort !== 67 || datagram.srcMac !== podMac) continue;
      const asked = decode(message, datagram.payload);
      const type = readOption(asked.options, option.messageType) as Type;
      this.heard.push({ type, frame: datagram, asked });
      const reply = script(type, this.heard.length - 1, asked);
      if (reply !== undefined && type !== "release") this.#send(asked, reply);
    }
  }

  #send(asked: Message, { type, address = ip("10.7.0.100"), change = {}, without }: Reply): void {
    const options = new Map([
      writeOption(option.messageType, type),
      writeOption(option.serverId, serverIp),
      writeOption(option.subnetMask, ip("255.255.240.0")),
      writeOption(option.leaseSeconds, leaseSeconds),
      writeOption(option.message, "as told"),
    ]);
    if (without !== undefined) options.delete(without);
    const payload = encodeMessage({ ...asked, op: "reply", yiaddr: address, options, ...change });
    const ends = { src: serverIp, dst: ip("255.255.255.255"), srcPort: 67, dstPort: 68, payload };
    this.#socket.send(encodeUdpFrame({ ...ends, srcMac: serverMac, dstMac: mac("ff:ff:ff:ff:ff:ff") }));
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    this.#socket[Symbol.dispose]();
  }
}

async function start(box: Sandbox, script: Script) {
  const { server: ns, pod } = cable(box);
  // This server answers faster than the kernel opens its end of a cable that has just come up.
  box.sh(pod, ["ip", "link", "set", "eth0", "up"]);
  await until(() => box.sh(ns, ["ip", "link", "show", "eth0"]).includes("state UP"));
  const [link] = JSON.parse(box.sh(ns, ["ip", "-j", "link", "show", "eth0"])) as { readonly ifindex: number }[];
  const server = new ScriptedServer(ns, link?.ifindex ?? 0);
  await server.serve(script);
  return { server, pod };
}

const obliging: Script = (type) => ({ type: type === "discover" ? "offer" : "ack" });

test("a lost first message is sent again, and answers to others are passed over", async () => {
  using box = new Sandbox();
  const { server, pod } = await start(box, (type, n, asked) => {
    if (n === 0) return undefined;
    if (n === 1) return { type: "offer", change: { xid: (asked.xid ^ 1) >>> 0 } };
    if (n === 2) return { type: "offer", change: { chaddr: mac("02:00:00:00:00:99") } };
    return obliging(type, n, asked);
  });
  using _server = server;
  using node = new DhcpNode(box, box.dir(), { answerMs: 800, resendMaxMs: 800, totalMs: 10_000 });
  resultOf(await node.call("ADD", pod.path));
  expect(server.heard.map(({ type }) => type)).toEqual(["discover", "discover", "discover", "discover", "request"]);
});

const refusals: readonly (readonly [what: string, script: Script, problem: string])[] = [
  ["refuses", (type) => ({ type: type === "discover" ? "offer" : "nak" }), "refused 10.7.0.100: as told"],
  ["offers and falls silent", (type) => (type === "discover" ? { type: "offer" } : undefined), "fell silent"],
  ["does not say who it is", () => ({ type: "offer", without: 54 }), "without its identifier"],
  [
    "gives no mask",
    (type) => ({ type: type === "discover" ? "offer" : "ack", without: 1 }),
    "no subnet mask (option 1)",
  ],
];
for (const [what, script, problem] of refusals) {
  test(`a server that ${what} is not asked in haste, and ADD says so`, async () => {
    using box = new Sandbox();
    const { server, pod } = await start(box, script);
    using _server = server;
    using node = new DhcpNode(box, box.dir(), { answerMs: 100, resendMaxMs: 300, totalMs: 1_000 });
    const { stdout } = await node.call("ADD", pod.path);
    expect(JSON.parse(stdout)).toMatchObject({ code: 11, msg: expect.stringContaining(problem) });
    expect(server.heard.length).toBeLessThan(25);
  });
}

test("a refused renewal asks for the same address anew, and keeps it when it gets it", async () => {
  using box = new Sandbox();
  const { server, pod } = await start(box, (type, n, asked) => (n === 2 ? { type: "nak" } : obliging(type, n, asked)));
  using _server = server;
  using node = new DhcpNode(box);
  const prevResult = resultOf(await node.call("ADD", pod.path)) as never;
  await until(() => server.heard.length >= 6);
  expect(server.heard.slice(0, 6).map(({ type }) => type)).toEqual([
    ...["discover", "request"],
    ...["request", "discover", "request"],
    "request",
  ] as Type[]);
  expect(readOption(server.heard[3]?.asked.options ?? new Map(), option.requestedAddress)).toBe(ip("10.7.0.100"));
  expect(await node.call("CHECK", pod.path, {}, { prevResult })).toMatchObject({ exitCode: 0 });
  expect(node.lines).toEqual([]);
});

test("given another address instead, the client gives it back and takes the interface down", async () => {
  using box = new Sandbox();
  const { server, pod } = await start(box, (type, n, asked) => {
    if (n === 2) return { type: "nak" };
    const reply = obliging(type, n, asked);
    return n < 2 || reply === undefined ? reply : { ...reply, address: ip("10.7.0.111") };
  });
  using _server = server;
  using node = new DhcpNode(box);
  resultOf(await node.call("ADD", pod.path));
  await until(() => node.lines.length > 0);
  expect(node.lines).toEqual(["The DHCP lease of pod-1/lan/eth0 is void: eth0 with 10.7.0.100/20 is taken down"]);
  await until(() => server.heard.at(-1)?.type === "release");
  expect(server.heard.at(-1)?.asked.ciaddr).toBe(ip("10.7.0.111"));
  expect(JSON.parse(box.sh(pod, ["ip", "-j", "link", "show", "eth0"]))[0].flags).not.toContain("UP");
});

test("renewing goes to the server alone, rebinding to all", async () => {
  using box = new Sandbox();
  const { server, pod } = await start(box, (type, n, asked) => (n < 2 ? obliging(type, n, asked) : undefined));
  using _server = server;
  using node = new DhcpNode(box);
  resultOf(await node.call("ADD", pod.path));
  await until(() => node.lines.some((line) => line.includes("has run out")));
  const sent = server.heard.slice(2).map(({ frame: { src, dst, dstMac } }) => `${src} > ${dst} ${dstMac}`);
  const [direct, toAll] = [`10.7.0.100 > 10.7.0.1 ${serverMac}`, "10.7.0.100 > 255.255.255.255 ff:ff:ff:ff:ff:ff"];
  expect([sent[0], sent.at(-1)]).toEqual([direct, toAll]);
  expect(sent.filter((line) => line !== direct && line !== toAll)).toEqual([]);
});
