// The DHCPv6 client against servers that misbehave as told: they lose, refuse, outbid, forget, and answer others.
import { expect, setDefaultTimeout, test } from "bun:test";
import { decode, encode } from "#codec/codec.ts";
import { Netns } from "#kernel/netns.ts";
import { EtherType, PacketSocket } from "#kernel/packet-socket.ts";
import { type Ip, ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { decodeUdpFrame, encodeUdpFrame, type UdpFrame } from "#net/udp-frame.ts";
import { cable, DhcpNode, fastestMs, podMac, resultOf } from "#test/dhcp-node.ts";
import { type Netns as BoxNetns, Sandbox } from "#test/sandbox.ts";
import { until } from "#test/until.ts";
import { type Message, type MessageType, message } from "./message.ts";
import { option } from "./option.ts";
import { type OptionList, readOption, writeOption } from "./option-list.ts";

setDefaultTimeout(120_000);

type Reply = {
  readonly type: MessageType;
  readonly address?: Ip;
  /** Last byte of the server's identifier. */
  readonly server?: number;
  /** Options of the association, instead of the address. */
  readonly inside?: OptionList;
  readonly more?: OptionList;
  readonly without?: number;
  readonly xid?: number;
  readonly duid?: Uint8Array;
  /** Instead of all that. */
  readonly raw?: Uint8Array;
};
/** The answers to the nth message of the client, counted from 0. */
type Script = (type: MessageType, n: number, asked: Message) => readonly Reply[];

const serverMac = mac("02:00:00:00:00:01");
const leased = ip("fd00:7::100");
const [validSeconds, t1, t2] = [4, 1, 2];
const duidOfServer = (last = 1) => new Uint8Array([0, 3, 0, 1, 2, 0, 0, 0, 0, last]);

/** Answers by script; `heard` are the client's messages with the frames they came in. */
class ScriptedServer implements Disposable {
  readonly heard: { readonly type: MessageType; readonly frame: UdpFrame; readonly asked: Message }[] = [];
  readonly #socket: PacketSocket;
  #ended = false;

  constructor(ns: BoxNetns, ifindex: number) {
    using netns = new Netns(ns.path);
    this.#socket = new PacketSocket(netns, ifindex, { etherType: EtherType.ipv6, filter: [] });
  }

  async serve(script: Script): Promise<void> {
    await this.#socket.listen();
    this.#loop(script).catch((error: unknown) => {
      if (!this.#ended) throw error;
    });
  }

  /** The client's messages by their types. */
  types(): readonly MessageType[] {
    return this.heard.map(({ type }) => type);
  }

  async #loop(script: Script): Promise<void> {
    while (!this.#ended) {
      const bytes = await this.#socket.receive(100);
      const frame = bytes === undefined ? undefined : decodeUdpFrame(bytes);
      if (frame?.dstPort !== 547 || frame.srcMac !== podMac) continue;
      const asked = decode(message, frame.payload);
      const type = asked.type as MessageType;
      this.heard.push({ type, frame, asked });
      for (const reply of script(type, this.heard.length - 1, asked)) this.#send(frame, asked, reply);
    }
  }

  #send(to: UdpFrame, asked: Message, reply: Reply): void {
    const { address = leased, more = [], without } = reply;
    const inside = reply.inside ?? [
      writeOption(option.iaAddress, { address, preferred: validSeconds, valid: validSeconds, options: [] }),
    ];
    const client = reply.duid ?? readOption(asked.options, option.clientId) ?? new Uint8Array();
    const options = [
      writeOption(option.clientId, client),
      writeOption(option.serverId, duidOfServer(reply.server)),
      writeOption(option.iaNa, { iaid: 1, t1, t2, options: inside }),
      ...more,
    ].filter(([code]) => code !== without);
    const payload = reply.raw ?? encode(message, { type: reply.type, xid: reply.xid ?? asked.xid, options });
    const ends = { src: ip("fe80::1"), dst: to.src, srcPort: 547, dstPort: 546, payload };
    this.#socket.send(encodeUdpFrame({ ...ends, srcMac: serverMac, dstMac: to.srcMac }));
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    this.#socket[Symbol.dispose]();
  }
}

async function start(box: Sandbox, script: Script) {
  const { server: ns, pod } = cable(box);
  box.sh(pod, ["ip", "link", "set", "eth0", "up"]);
  await until(() => box.sh(ns, ["ip", "link", "show", "eth0"]).includes("state UP"));
  const [link] = JSON.parse(box.sh(ns, ["ip", "-j", "link", "show", "eth0"])) as { readonly ifindex: number }[];
  const server = new ScriptedServer(ns, link?.ifindex ?? 0);
  await server.serve(script);
  return { server, pod };
}

const ipam = { families: ["ipv6"] };
const best = writeOption(option.preference, 255);
const rapid = writeOption(option.rapidCommit, true);
const no = (code: "noBinding" | "noAddrsAvail" | "unspecFail" | "notOnLink") =>
  writeOption(option.status, { code, message: "as told" });

/** One server that everybody likes. */
const obliging: Script = (type) =>
  type === "release" ? [] : [{ type: type === "solicit" ? "advertise" : "reply", more: [best] }];

function addressOf(result: Readonly<Record<string, unknown>>): string {
  return (result["ips"] as readonly { readonly address: string }[]).map(({ address }) => address).join();
}

test("the best preference needs no waiting, and the messages have what they must have", async () => {
  using box = new Sandbox();
  const { server, pod } = await start(box, obliging);
  using _server = server;
  using node = new DhcpNode(box);
  const add = async () => expect(addressOf(resultOf(await node.call("ADD", pod.path, ipam)))).toBe("fd00:7::100/128");
  const undo = async () => {
    await node.call("DEL", pod.path, ipam);
    await until(() => server.types().at(-1) === "release");
    server.heard.length = 0;
  };
  expect(await fastestMs(900, add, undo)).toBeLessThan(900);
  await node.call("DEL", pod.path, ipam);
  await until(() => server.heard.length === 3);
  expect(server.types()).toEqual(["solicit", "request", "release"]);
  const codes = server.heard.map(({ asked }) => asked.options.map(([code]) => code));
  expect(codes).toEqual([
    [1, 8, 14, 3, 6],
    [1, 8, 2, 3, 6],
    [1, 8, 2, 3],
  ]);
  for (const { frame, asked } of server.heard) {
    expect(frame).toMatchObject({ src: expect.stringMatching(/^fe80::/), dst: "ff02::1:2", srcPort: 546 });
    expect(readOption(asked.options, option.iaNa)).toMatchObject({ iaid: 1, t1: 0, t2: 0 });
  }
});

test("of several offers in the first second the one with the highest preference is taken", async () => {
  using box = new Sandbox();
  const offer = (last: number, preference: number) => ({
    type: "advertise" as const,
    server: last,
    address: ip(`fd00:7::${last}`),
    more: [writeOption(option.preference, preference)],
  });
  const { server, pod } = await start(box, (type) =>
    type === "solicit" ? [offer(1, 3), offer(2, 200), offer(3, 0)] : [{ type: "reply", address: ip("fd00:7::2") }],
  );
  using _server = server;
  using node = new DhcpNode(box);
  const began = performance.now();
  expect(addressOf(resultOf(await node.call("ADD", pod.path, ipam)))).toBe("fd00:7::2/128");
  expect(performance.now() - began).toBeGreaterThan(1_000);
  const request = server.heard[1]?.asked.options ?? [];
  expect(readOption(request, option.serverId)).toEqual(duidOfServer(2));
});

test("a server that commits at once is believed, and only with its mark", async () => {
  using box = new Sandbox();
  const { server, pod } = await start(box, () => [
    { type: "reply", address: ip("fd00:7::bad") },
    { type: "reply", more: [rapid] },
  ]);
  using _server = server;
  using node = new DhcpNode(box);
  expect(addressOf(resultOf(await node.call("ADD", pod.path, ipam)))).toBe("fd00:7::100/128");
  expect(server.types()).toEqual(["solicit"]);
});

test("a lost message is sent again under its number, with the time that went by", async () => {
  using box = new Sandbox();
  const { server, pod } = await start(box, (type, n, asked) => (n === 0 ? [] : obliging(type, n, asked)));
  using _server = server;
  using node = new DhcpNode(box, box.dir(), { answerMs: 1_000, resendMaxMs: 1_000, totalMs: 10_000 });
  resultOf(await node.call("ADD", pod.path, ipam));
  expect(server.types()).toEqual(["solicit", "solicit", "request"]);
  const [first, second, third] = server.heard.map(({ asked }) => asked);
  expect(second?.xid).toBe(first?.xid ?? -1);
  expect(third?.xid).not.toBe(first?.xid ?? -1);
  const elapsed = [first, second, third].map((asked) => readOption(asked?.options ?? [], option.elapsed) ?? -1);
  expect(elapsed[0]).toBe(0);
  expect(elapsed[1]).toBeGreaterThanOrEqual(30);
  expect(elapsed[2]).toBe(0);
});

test("what is malformed, for others, or without a server is passed over, and a good answer behind it is taken", async () => {
  using box = new Sandbox();
  const { server, pod } = await start(box, (type, _, asked) => [
    { type: "advertise", raw: new Uint8Array([2]) },
    { type: "advertise", raw: new Uint8Array([2, 0, 0, 0, 0, 1, 0xff, 0xff]) },
    { type: "advertise", raw: new Uint8Array() },
    { type: "advertise", xid: asked.xid ^ 1, more: [best] },
    { type: "advertise", duid: new Uint8Array(18), more: [best] },
    { type: "advertise", without: 1, more: [best] },
    { type: "advertise", without: 2, more: [best] },
    { type: "advertise", without: 3, more: [best] },
    { type: "advertise", inside: [[5, new Uint8Array(3)]], more: [best] },
    { type: type === "solicit" ? "advertise" : "reply", more: [best] },
  ]);
  using _server = server;
  using node = new DhcpNode(box);
  const add = async () => expect(addressOf(resultOf(await node.call("ADD", pod.path, ipam)))).toBe("fd00:7::100/128");
  const undo = async () => {
    await node.call("DEL", pod.path, ipam);
    await until(() => server.types().at(-1) === "release");
    server.heard.length = 0;
  };
  expect(await fastestMs(900, add, undo)).toBeLessThan(900);
  expect(server.types()).toEqual(["solicit", "request"]);
});

const refusals: readonly (readonly [what: string, script: Script, problem: string])[] = [
  ["has no addresses", () => [{ type: "advertise", more: [no("noAddrsAvail")] }], "noAddrsAvail (as told)"],
  ["does not say who it is", () => [{ type: "advertise", without: 2 }], "without its identifier (option 2)"],
  ["answers nonsense", () => [{ type: "advertise", inside: [[5, new Uint8Array(3)]] }], "Cannot decode option 5"],
  ["is cut short", (_, __, { xid }) => [{ type: "advertise", raw: cutShort(xid) }], "malformed: Cannot decode"],
  [
    "offers and refuses",
    (type) => [
      { type: type === "solicit" ? "advertise" : "reply", more: [type === "solicit" ? best : no("notOnLink")] },
    ],
    "that offered fd00:7::100 answered: notOnLink (as told)",
  ],
  [
    "offers and cannot give",
    (type) => [
      { type: type === "solicit" ? "advertise" : "reply", more: [type === "solicit" ? best : no("unspecFail")] },
    ],
    "that offered fd00:7::100 answered: unspecFail (as told)",
  ],
  [
    "offers and falls silent",
    (type) => (type === "solicit" ? [{ type: "advertise", more: [best] }] : []),
    "fell silent",
  ],
];
for (const [what, script, problem] of refusals) {
  test(`a server that ${what} is not asked in haste, and ADD says so`, async () => {
    using box = new Sandbox();
    const { server, pod } = await start(box, script);
    using _server = server;
    using node = new DhcpNode(box, box.dir(), { answerMs: 200, resendMaxMs: 300, totalMs: 1_000 });
    const { stdout } = await node.call("ADD", pod.path, ipam);
    expect(JSON.parse(stdout)).toMatchObject({ code: 11, msg: expect.stringContaining(problem) });
    expect(server.heard.length).toBeLessThan(12);
  });
}

test("RENEW names its server, REBIND none; then the lease has run out", async () => {
  using box = new Sandbox();
  const { server, pod } = await start(box, (type, n, asked) => (n < 2 ? obliging(type, n, asked) : []));
  using _server = server;
  using node = new DhcpNode(box);
  resultOf(await node.call("ADD", pod.path, ipam));
  await until(() => node.lines.some((line) => line.includes("has run out")));
  expect(server.types()).toEqual(["solicit", "request", "renew", "rebind"]);
  const named = server.heard.slice(2).map(({ asked }) => readOption(asked.options, option.serverId));
  expect(named).toEqual([duidOfServer(), undefined]);
  expect(node.lines.at(-1)).toContain("has run out: eth0 with fd00:7::100/128 is taken down");
});

test("a server that forgot the lease is sent a REQUEST, and the address stays", async () => {
  using box = new Sandbox();
  const { server, pod } = await start(box, (type, n, asked) =>
    n === 2 ? [{ type: "reply", inside: [no("noBinding")] }] : obliging(type, n, asked),
  );
  using _server = server;
  using node = new DhcpNode(box);
  const prevResult = resultOf(await node.call("ADD", pod.path, ipam)) as never;
  await until(() => server.heard.length >= 5);
  expect(server.types().slice(0, 5)).toEqual(["solicit", "request", "renew", "request", "renew"]);
  expect(await node.call("CHECK", pod.path, ipam, { prevResult })).toMatchObject({ exitCode: 0 });
  expect(node.lines).toEqual([]);
});

test("an address that is withdrawn for another one is used no more, and the other one is given back", async () => {
  using box = new Sandbox();
  const other = ip("fd00:7::111");
  const withdrawn = writeOption(option.iaAddress, { address: leased, preferred: 0, valid: 0, options: [] });
  const { server, pod } = await start(box, (type, n, asked) => {
    if (n === 2) return [{ type: "reply", inside: [withdrawn] }];
    return obliging(type, n, asked).map((reply) => (n < 2 ? reply : { ...reply, address: other }));
  });
  using _server = server;
  using node = new DhcpNode(box);
  resultOf(await node.call("ADD", pod.path, ipam));
  await until(() => server.types().at(-1) === "release");
  expect(server.types()).toEqual(["solicit", "request", "renew", "solicit", "request", "release"]);
  const released = readOption(server.heard.at(-1)?.asked.options ?? [], option.iaNa)?.options ?? [];
  expect(readOption(released, option.iaAddress)?.address).toBe(other);
  await until(() => node.lines.length > 0);
  expect(node.lines).toEqual(["The DHCPv6 lease of pod-1/lan/eth0 is void: eth0 with fd00:7::100/128 is taken down"]);
});

/** An option that claims more than is there, in an answer with the right number. */
function cutShort(xid: number): Uint8Array {
  return new Uint8Array([2, xid >>> 16, (xid >>> 8) & 0xff, xid & 0xff, 0, 1, 0xff, 0xff]);
}
