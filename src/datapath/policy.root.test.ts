// Single packets through the programs where policies have a say: who may open a connection, and what then belongs to it.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { runProgram } from "#kernel/bpf-test-run.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { emptyMaps, smallMaps } from "#test/packet-path.ts";
import { segment, showSegment } from "#test/segment.ts";
import { Datapath } from "./datapath.ts";
import { directionNumber, identity, list } from "./policy-format.ts";

const loopback = 1;
const [tcp, udp, icmp] = [6, 17, 1];
const subject = "10.244.0.1";
const subject6 = "fd00:10:244::1";
/** Pods of another node: of the class that rules name, and of none. */
const [friend, stranger, node, otherNode] = ["10.244.1.7", "10.244.1.8", "172.30.0.11", "172.30.0.12"];
const friend6 = "fd00:10:244:1::7";
const [set, friends, open] = [7, 20, 9];
const rule = 42;

let path: Datapath;
beforeAll(() => {
  path = new Datapath({ pins: undefined, sizes: smallMaps });
});
afterAll(() => path[Symbol.dispose]());
beforeEach(() => {
  emptyMaps(path);
  const { identities, sets, choices, lists } = path.policy;
  for (const each of [friend, friend6]) identities.set(ip(each), friends);
  identities.set(ip(node), identity.self);
  sets.set(set, { ingress: list.deny, egress: list.deny });
  for (const direction of Object.values(directionNumber)) choices.set({ set, direction, identity: friends }, open);
  // TCP 80, 8080 to 8087, all of UDP, and pings of IPv4.
  lists.set({ prefixLength: 56, list: open, protocol: tcp, port: 80 }, { rule, allow: 1 });
  lists.set({ prefixLength: 53, list: open, protocol: tcp, port: 8080 }, { rule, allow: 1 });
  lists.set({ prefixLength: 40, list: open, protocol: udp, port: 0 }, { rule, allow: 1 });
  lists.set({ prefixLength: 56, list: open, protocol: udp, port: 53 }, { rule: 43, allow: 0 });
  lists.set({ prefixLength: 48, list: open, protocol: icmp, port: 8 << 8 }, { rule, allow: 1 });
  setSubject(set);
  const peer = { node: ip(otherNode), mac: mac("02:00:00:00:99:02"), tunnel: false };
  path.setPeer({ ...peer, block: cidr("10.244.1.0/24") });
});

function setSubject(policySet: number, more: { readonly keepsConnections?: boolean } = {}): void {
  path.setEndpoint({
    ...{ id: 1, ifindex: loopback, mtu: 1500, mac: mac("02:00:00:00:01:01"), hostMac: mac("02:00:00:00:01:ff") },
    ...{ ipv4: ip(subject), ipv6: ip(subject6), policySet, ...more },
  });
}

/** Whether the packet goes on. */
function passes(program: "from_pod" | "to_pod" | "from_net", text: string): boolean {
  const { result, packet } = runProgram(path.programFd(program), segment(text), loopback);
  expect(showSegment(packet)).toBe(text);
  return result !== 2;
}

describe("a pod that policies isolate", () => {
  const rows: readonly (readonly [text: string, passes: boolean])[] = [
    [`tcp ${subject}:5000 > ${friend}:80 S`, true],
    [`tcp ${subject}:5000 > ${friend}:81 S`, false],
    [`tcp ${subject}:5000 > ${friend}:8079 S`, false],
    [`tcp ${subject}:5000 > ${friend}:8080 S`, true],
    [`tcp ${subject}:5000 > ${friend}:8087 S`, true],
    [`tcp ${subject}:5000 > ${friend}:8088 S`, false],
    [`tcp ${subject}:5000 > ${stranger}:80 S`, false],
    [`tcp [${subject6}]:5000 > [${friend6}]:80 S`, true],
    [`tcp [${subject6}]:5000 > [${friend6}]:81 S`, false],
    [`udp ${subject}:5000 > ${friend}:99`, true],
    [`udp ${subject}:5000 > ${friend}:53`, false],
    [`icmp ${subject} > ${friend} echo 5`, true],
    [`icmp ${subject} > ${stranger} echo 5`, false],
    [`sctp ${subject}:5000 > ${friend}:80`, false],
    [`tcp ${subject}:5000 > ${node}:81 S`, true],
    [`tcp ${subject}:5000 > ${otherNode}:81 S`, false],
    [`tcp ${subject}:5000 > 203.0.113.10:80 S`, false],
    [`tcp ${subject}:5000 > ${subject}:81 S`, true],
    [`icmp ${subject} > ${stranger} error 3/3 (udp ${stranger}:5 > ${subject}:6)`, false],
    // Groups, neighbours and broadcasts stay on the pod's link: the node's own stack has them, or nobody.
    [`udp ${subject}:5353 > 224.0.0.251:5353`, true],
    [`udp ${subject}:68 > 255.255.255.255:67`, true],
    [`udp [${subject6}]:5353 > [ff02::fb]:5353`, true],
    [`udp [fe80::1]:546 > [ff02::1:2]:547`, true],
    [`udp [fe80::1]:5000 > [fe80::2]:5000`, true],
  ];
  for (const [text, expected] of rows) {
    test(`${expected ? "sends" : "does not send"} ${text}`, () => expect(passes("from_pod", text)).toBe(expected));
  }

  const received: readonly (readonly [text: string, passes: boolean])[] = [
    [`tcp ${friend}:5000 > ${subject}:80 S`, true],
    [`tcp ${friend}:5000 > ${subject}:81 S`, false],
    [`tcp ${stranger}:5000 > ${subject}:80 S`, false],
    [`tcp [${friend6}]:5000 > [${subject6}]:80 S`, true],
    [`tcp 203.0.113.10:5000 > ${subject}:80 S`, false],
    [`icmp 203.0.113.10 > ${subject} error 3/4 (tcp ${subject}:5 > 198.51.100.7:6)`, false],
  ];
  for (const [text, expected] of received) {
    const what = `${expected ? "receives" : "does not receive"} ${text}`;
    test(`${what}, over a device`, () => expect(passes("from_net", text)).toBe(expected));
    test(`${what}, by the kernel`, () => expect(passes("to_pod", text)).toBe(expected));
  }

  test("is always reached by its own node, and by no other for that", () => {
    expect(passes("to_pod", `tcp ${node}:5000 > ${subject}:81 S`)).toBe(true);
    expect(passes("from_net", `tcp ${otherNode}:5000 > ${subject}:81 S`)).toBe(false);
    expect(passes("from_net", `tcp ${node}:5001 > ${subject}:81 S`)).toBe(false);
  });

  test("answers whom it may be reached by, and hears whom it may reach", () => {
    expect(passes("from_net", `udp ${friend}:5000 > ${subject}:99`)).toBe(true);
    path.policy.choices.delete({ set, direction: directionNumber.egress, identity: friends });
    expect(passes("from_pod", `udp ${subject}:99 > ${friend}:5000`)).toBe(true);
    expect(passes("from_pod", `udp ${subject}:99 > ${friend}:5001`)).toBe(false);
  });

  test("is closed as long as nothing is known of it, but to its node", () => {
    setSubject(1);
    expect(passes("from_net", `tcp ${friend}:5000 > ${subject}:80 S`)).toBe(false);
    expect(passes("from_pod", `tcp ${subject}:5000 > ${friend}:80 S`)).toBe(false);
    expect(passes("to_pod", `tcp ${node}:5000 > ${subject}:80 S`)).toBe(true);
  });

  test("does not take a packet from the middle of a connection for its beginning", () => {
    expect(passes("from_net", `tcp ${stranger}:80 > ${subject}:5000 A`)).toBe(false);
    // As an answer to what it may open, whose beginning nobody remembers.
    expect(passes("from_net", `tcp ${friend}:80 > ${subject}:5000 A`)).toBe(true);
    expect(passes("from_net", `tcp ${friend}:80 > ${subject}:5001 S`)).toBe(false);
  });
});

describe("what is open when policies change", () => {
  const packet = `tcp ${friend}:5000 > ${subject}:80`;
  const answer = `tcp ${subject}:80 > ${friend}:5000`;
  const forbid = () => {
    path.policy.choices.delete({ set, direction: directionNumber.ingress, identity: friends });
    path.set({ generation: path.settings.generation + 1 });
  };

  test("is cut when it is forbidden now, from whichever side the next packet comes", () => {
    for (const next of [`${packet} A`, `${answer} A`]) {
      path.policy.choices.set({ set, direction: directionNumber.ingress, identity: friends }, open);
      expect(passes("from_net", `${packet} S`)).toBe(true);
      expect(passes("from_pod", `${answer} SA`)).toBe(true);
      forbid();
      expect(passes(next.startsWith(packet) ? "from_net" : "from_pod", next)).toBe(false);
    }
  });

  test("stays cut, although the other end may open connections of its own, until it is allowed again", () => {
    const { choices } = path.policy;
    choices.set({ set, direction: directionNumber.ingress, identity: friends }, open);
    choices.set({ set, direction: directionNumber.egress, identity: friends }, list.allow);
    expect(passes("from_net", `${packet} S`)).toBe(true);
    expect(passes("from_pod", `${answer} SA`)).toBe(true);
    forbid();
    for (let again = 0; again < 3; again++) {
      expect(passes("from_net", `${packet} A`)).toBe(false);
      expect(passes("from_pod", `${answer} A`)).toBe(false);
    }
    choices.set({ set, direction: directionNumber.ingress, identity: friends }, open);
    expect(passes("from_net", `${packet} A`)).toBe(true);
  });

  test("goes on when it is still allowed", () => {
    expect(passes("from_net", `${packet} S`)).toBe(true);
    path.set({ generation: path.settings.generation + 1 });
    expect(passes("from_pod", `${answer} SA`)).toBe(true);
    expect([...path.connections.connections.entries()].map(([, { ingressRule }]) => ingressRule)).toEqual([rule]);
  });

  test("goes on where the pod keeps its connections, and nothing new comes in", () => {
    setSubject(set, { keepsConnections: true });
    expect(passes("from_net", `${packet} S`)).toBe(true);
    forbid();
    expect(passes("from_net", `${packet} A`)).toBe(true);
    expect(passes("from_net", `tcp ${friend}:5001 > ${subject}:80 S`)).toBe(false);
  });
});

describe("a pod whose services the kernel translates", () => {
  test("has its policies asked once, about what it asks itself, also when they change", () => {
    using translating = new Datapath({ pins: undefined, sizes: smallMaps, kernelTranslates: true });
    const [near, front] = ["10.244.0.2", "10.96.0.20"];
    const passesHere = (program: "from_pod" | "to_pod", text: string) =>
      runProgram(translating.programFd(program), segment(text), loopback).result !== 2;
    const { sets, choices, identities } = translating.policy;
    const own = { mtu: 1500, mac: mac("02:00:00:00:01:01"), hostMac: mac("02:00:00:00:01:ff"), policySet: set };
    translating.setEndpoint({ ...own, id: 1, ifindex: loopback, ipv4: ip(subject), ipv6: undefined });
    translating.setEndpoint({ ...own, id: 2, ifindex: 77, ipv4: ip(near), ipv6: undefined });
    sets.set(set, { ingress: list.deny, egress: list.deny });
    identities.set(ip(front), friends);
    choices.set({ set, direction: directionNumber.egress, identity: friends }, list.allow);
    const asked = `tcp ${subject}:5000 > ${front}:80`;
    const translated = `tcp ${subject}:5000 > ${near}:8080`;
    const askedLater = () => translating.set({ generation: translating.settings.generation + 1 });

    expect(passesHere("from_pod", `${asked} S`)).toBe(true);
    expect(passesHere("to_pod", `${translated} S`)).toBe(false);
    sets.set(set, { ingress: list.allow, egress: list.deny });
    expect(passesHere("to_pod", `${translated} S`)).toBe(true);
    askedLater();
    expect(passesHere("to_pod", `${translated} A`)).toBe(true);
    expect(passesHere("from_pod", `tcp ${subject}:5001 > ${near}:8080 S`)).toBe(false);
    sets.set(set, { ingress: list.deny, egress: list.deny });
    askedLater();
    expect(passesHere("to_pod", `${translated} A`)).toBe(false);
  });
});

describe("what is refused", () => {
  test("is remembered with the rule that refused it, once for all its packets", () => {
    const before = path.counts()["drop-policy"].packets;
    for (let i = 0; i < 3; i++) passes("from_pod", `udp ${subject}:${5000 + i} > ${friend}:53`);
    passes("from_net", `tcp ${stranger}:5000 > ${subject}:80 S`);
    const rows = [...path.policy.denials.entries()].map(
      ([{ source, destination, port, protocol, direction, rule: number }, { packets }]) =>
        `${source} > ${destination} ${protocol}/${port} direction ${direction} rule ${number}: ${packets}`,
    );
    expect(rows.sort()).toEqual([
      `${subject} > ${friend} 17/53 direction 1 rule 43: 3`,
      `${stranger} > ${subject} 6/80 direction 0 rule 0: 1`,
    ]);
    expect(path.counts()["drop-policy"].packets - before).toBe(4n);
  });
});
